// Walks through the console as a person with a keyboard would. Arguments: folder of node_modules, the console's address, the admin
// token, a folder for pictures or "". It does one step for each line that it is told, and answers each with a line of JSON.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [folder, url, token, pictures] = process.argv.slice(2);
const { chromium } = createRequire(`${folder}/`)("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const complaints = [];
page.on("console", (message) => {
  // What is refused is part of the test; everything else is a mistake of the page.
  if (message.type() === "error" && !/40[139]|503/.test(message.text())) complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(error.message));
page.setDefaultTimeout(20000);

const text = (selector) => page.locator(selector).innerText();
const tabTo = async (id) => {
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return i + 1;
  }
  throw new Error(`${id} cannot be reached with the Tab key`);
};
const order = async (button, secret, settled) => {
  await page.evaluate(() => document.activeElement?.blur());
  const tabs = await tabTo(button);
  await page.keyboard.press("Enter");
  await page.locator("#confirm").waitFor({ state: "visible" });
  const focus = await page.evaluate(() => document.activeElement?.id);
  if (focus === "c-token") await page.keyboard.type(secret);
  // What became of an earlier order is not what becomes of this one.
  await page.evaluate(() => document.getElementById("order").replaceChildren());
  await page.keyboard.press("Enter");
  await page.waitForFunction((words) => words.some((word) => document.getElementById("order").textContent.includes(word)), settled);
  return { tabs, focus, said: await text("#order") };
};

const steps = {
  open: async () => {
    await page.goto(url);
    await page.locator("#link[data-state=live]").waitFor();
    return {
      title: await page.title(),
      regions: await page.locator("#t-regions tr.region th").allInnerTexts(),
      nodes: await page.locator("#t-regions tr.node").count(),
      places: await page.locator("#map .places > g").count(),
      map: await page.locator("#map").getAttribute("aria-label"),
      routes: await page.locator("#t-routes tbody th").allInnerTexts(),
    };
  },
  look: async () => {
    await page.waitForFunction(() => document.querySelectorAll("#t-hot tbody th").length > 0);
    await page.waitForTimeout(4000);
    return { hot: await text("#t-hot tbody"), requests: await text("#tiles > div:first-child dd"), limits: await text("#t-limits tbody") };
  },
  names: () => page.evaluate(() => {
    const shown = [...document.querySelectorAll("button, a, input, table, section")];
    const named = (it) => it.getAttribute("aria-label") || it.getAttribute("aria-labelledby") || it.textContent.trim() || it.labels?.length;
    return { nameless: shown.filter((it) => !named(it)).map((it) => it.outerHTML.slice(0, 80)), lang: document.documentElement.lang };
  }),
  wrong: () => order("drain", "not the token", ["Not done"]),
  drain: () => order("drain", token, ["Not done", "is drained"]),
  undrain: () => order("undrain", token, ["Not done", "is ready again"]),
  lost: async () => {
    await page.waitForFunction(() => document.getElementById("log").textContent.includes("is silent"));
    return { map: await page.locator("#map").getAttribute("aria-label"), log: await page.locator("#log li b").allInnerTexts() };
  },
  picture: async (name) => {
    if (!pictures) return {};
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: `${pictures}/${name}-${scheme}.png`, fullPage: true });
    }
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [step, argument] = line.split(" ");
  let answer;
  try {
    answer = await steps[step](argument);
  } catch (error) {
    answer = { failed: error.message };
  }
  console.log(JSON.stringify({ ...answer, complaints }));
}
await browser.close();
