//! What a newcomer wants to see first: addresses, a key, and commands to try.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use hyper::Method;
use tidegate_config::{BY_KEY, EVERYONE, RouteText, WorldSpec};
use tidegate_lab::World;
use tidegate_limit::{LimitSpec, Per, Scope, Unit, WindowSpec};
use tidegate_route::HostPattern;

use super::columns;

/// What the sheet is made of.
pub(super) struct Facts<'w> {
    pub(super) world: &'w World,
    pub(super) spec: &'w WorldSpec,
    pub(super) key: &'w str,
    pub(super) data: &'w Path,
    /// Whether links are as long as on the globe.
    pub(super) wan: bool,
}

impl Facts<'_> {
    pub(super) fn sheet(&self) -> String {
        let fronts = &self.world.director.fronts;
        let distance = if self.wan {
            "Traffic between regions takes as long as on the globe.\n"
        } else {
            ""
        };
        let mut sheet = format!(
            "Tidegate runs: {} regions, {} nodes. {distance}\n{}\n\nA demo key{}:\n  {}\n",
            fronts.len(),
            self.world.nodes.len(),
            self.addresses(),
            self.terms(),
            self.key,
        );
        if let Some(try_it) = self.try_it() {
            write!(sheet, "\nTry it:\n{try_it}").expect(STRING);
        }
        if let Some(first) = fronts.first() {
            let region = &first.region;
            let kill = spelled(&format!("lab kill {region}"), self.data);
            let start = spelled(&format!("lab start {region}"), self.data);
            write!(
                sheet,
                "\nThen break it:\n  {kill}     # and ask the same address again\n  {start}\n"
            )
            .expect(STRING);
        }
        sheet
    }

    fn addresses(&self) -> comfy_table::Table {
        let mut table = columns(["REGION", "CLIENTS NEARBY", "NODES", "ADMIN"]);
        let director = &self.world.director;
        for front in &director.fronts {
            let nodes = self.world.doors.iter();
            let of_region = nodes.filter(|(id, _)| id.region == front.region);
            let (nodes, admins): (Vec<_>, Vec<_>) = of_region
                .map(|(id, doors)| {
                    let door = doors.get(&director.door).map(ToString::to_string);
                    let node = format!("{} {}", id.name(), door.unwrap_or_default());
                    (node, self.world.admins[id].to_string())
                })
                .unzip();
            table.add_row([
                front.region.to_string(),
                format!("http://{}", front.addr),
                nodes.join("\n"),
                admins.join("\n"),
            ]);
        }
        table
    }

    /// How much the key may do, by the limit of the route that is shown.
    fn terms(&self) -> String {
        let route = self.route(BY_KEY);
        let limits = route.into_iter().flat_map(|route| &route.limits);
        let mut per_key = limits
            .filter_map(|name| self.spec.limits.get(&name.value))
            .map(|limit| &limit.value)
            .filter(|limit| limit.per == Per::default());
        per_key.next().map(terms).unwrap_or_default()
    }

    fn try_it(&self) -> Option<String> {
        let fronts = &self.world.director.fronts;
        let front = |i: usize| fronts.get(i % fronts.len().max(1)).map(|front| front.addr);
        let mut lines = String::new();
        if let Some(route) = self.route(BY_KEY) {
            let header = format!(" -H '{}: {}'", self.spec.keys.header, self.key);
            let here = request(route, front(0)?, &header);
            let there = request(route, front(1)?, &header);
            writeln!(
                lines,
                "{here}\n{there}      # another region, the same limit"
            )
            .expect(STRING);
        }
        if let Some(route) = self.route(EVERYONE) {
            writeln!(lines, "{}", request(route, front(2)?, "")).expect(STRING);
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// The simplest route that takes GET and knows callers this way.
    fn route(&self, auth: &str) -> Option<&RouteText> {
        let routes = self.spec.routes.values().map(|route| &route.value);
        routes
            .filter(|route| route.auth.value.is_only(auth) && route.methods.contains(&Method::GET))
            .min_by_key(|route| route.path.value.example().len())
    }
}

const STRING: &str = "a String takes everything";

fn request(route: &RouteText, front: SocketAddr, key: &str) -> String {
    let host = route.hosts.first().map(HostPattern::example);
    let host = host.map(|host| format!(" -H 'host: {host}'"));
    let (host, path) = (host.unwrap_or_default(), route.path.value.example());
    format!("  curl -i{key}{host} http://{front}{path}")
}

fn terms(limit: &LimitSpec) -> String {
    let each = match limit.window {
        None => "at a time".to_owned(),
        Some(WindowSpec::Calendar(Unit::Hour)) => "an hour".to_owned(),
        Some(WindowSpec::Calendar(Unit::Day)) => "a day".to_owned(),
        Some(WindowSpec::Calendar(Unit::Month)) => "a month".to_owned(),
        Some(WindowSpec::Length(length)) => match length.get().as_secs() {
            1 => "a second".to_owned(),
            60 => "a minute".to_owned(),
            3_600 => "an hour".to_owned(),
            86_400 => "a day".to_owned(),
            _ => format!("every {length}"),
        },
    };
    let whole = match limit.scope {
        Scope::Global => "in the whole world",
        Scope::Region => "in each region",
        Scope::Node => "on each node",
    };
    format!(", {} requests {each} {whole}", grouped(limit.amount.get()))
}

/// 1,234,567
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What to type to run a subcommand on the world in this data folder.
pub(super) fn spelled(subcommand: &str, data: &Path) -> String {
    let program = program();
    if data == Path::new("data") {
        format!("{program} {subcommand}")
    } else {
        format!("{program} {subcommand} --data {}", data.display())
    }
}

/// What to type to start this program: its name if it is on the path.
fn program() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "tidegate".to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    if folders.any(|folder| program.parent() == Some(&folder)) {
        return "tidegate".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let short = program.strip_prefix(&here).unwrap_or(&program);
    short.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
