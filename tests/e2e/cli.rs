//! The command line: what a newcomer and a tired operator meet.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{World, WorldText, binary, tidegate};

use crate::WORLD;

/// Writes a configuration to a folder of its own.
fn written(text: &WorldText) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let regions = folder.path().join("regions");
    std::fs::create_dir(&regions).expect("writable");
    text.write(&regions);
    let data = folder.path().join("data").display().to_string();
    (folder, regions.display().to_string(), data)
}

/// Processes that have this text among their arguments.
fn running(text: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("Linux");
    let args = processes
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    args.filter(|args| String::from_utf8_lossy(args).contains(text))
        .count()
}

#[test]
fn the_repositorys_own_configuration_is_good() {
    let regions = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../regions")
        .display()
        .to_string();
    let output = tidegate(&["check", &regions]);
    assert_eq!(output.code, 0, "{}", output.out);
    assert!(
        output.out.contains("is good: 3 regions, 6 nodes"),
        "{}",
        output.out
    );
}

#[test]
fn check_reports_every_problem_and_exits_with_2() {
    let wrong = WORLD
        .replace("upstream: echo, limits", "upstream: ecko, limits")
        .replace("amount: 1000,", "amount: many,");
    let (_folder, regions, _) = written(&WorldText::three_regions(1, &wrong));
    let output = tidegate(&["check", &regions]);
    assert_eq!(output.code, 2);
    for says in [
        "did you mean `echo`?",
        "found `many`",
        "world.yaml:",
        "has 4 errors",
    ] {
        assert!(output.out.contains(says), "{says}:\n{}", output.out);
    }
    for (path, says) in [
        ("/nowhere", "cannot be read"),
        (env!("CARGO_MANIFEST_DIR"), "world.yaml cannot be read"),
    ] {
        let output = tidegate(&["check", path]);
        assert!(
            output.code == 2 && output.out.contains(says),
            "{}",
            output.out
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn up_starts_shows_and_leaves_nothing_behind() {
    let world = World::start(WorldText::three_regions(2, WORLD), &["--nodes", "1"]).await;
    let said = world.said();
    for says in [
        "3 regions, 3 nodes",
        "CLIENTS NEARBY",
        "tg_test_",
        "curl -i",
        "/api/anything",
        "1,000 requests a minute in the whole world",
    ] {
        assert!(said.contains(says), "{says}:\n{said}");
    }
    let second = world.tidegate(&["up", "--regions", &world.regions().display().to_string()]);
    assert!(
        second.code == 1 && second.err.contains("a world runs already"),
        "{}",
        second.err
    );
    let data = world.data().display().to_string();
    assert!(running(&data) >= 4);
    assert_eq!(world.stop(), 0);
    assert_eq!(running(&data), 0, "no process is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_in_the_background_is_found_grows_and_is_stopped() {
    let (_folder, regions, data) = written(&WorldText::three_regions(1, WORLD));
    let args = ["--regions", &regions, "--data", &data];
    let output = tidegate(&[&["up", "--detach", "--nodes", "2"][..], &args].concat());
    assert_eq!(output.code, 0, "{}", output.err);
    assert!(
        output.out.contains("3 regions, 6 nodes") && output.out.contains("tg_test_"),
        "{}",
        output.out
    );
    let status = tidegate(&["status", "--data", &data]);
    assert!(
        status.code == 0 && status.out.contains("extra2"),
        "{}",
        status.out
    );
    let output = tidegate(&["down", "--data", &data]);
    assert_eq!((output.code, output.out.as_str()), (0, "Stopped.\n"));
    assert_eq!(running(&data), 0);
    let again = tidegate(&["down", "--data", &data]);
    assert!(
        again.code == 0 && again.out.contains("No world runs"),
        "{}",
        again.out
    );
    assert!(
        tidegate(&["lab", "kill", "us-east-1", "--data", &data])
            .err
            .contains("no world runs in")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_whose_holder_is_killed_ends_and_the_next_one_starts() {
    let world = World::start(WorldText::three_regions(1, WORLD), &[]).await;
    let data = world.data().display().to_string();
    let killed = Command::new("kill")
        .args(["-9", &world.pid().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    let deadline = Instant::now() + Duration::from_secs(20);
    while running(&data) > 0 {
        assert!(
            Instant::now() < deadline,
            "{} processes are left",
            running(&data)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let output = tidegate(&["down", "--data", &data]);
    assert_eq!(output.code, 0, "{}", output.err);
}

#[test]
fn what_cannot_start_says_why_in_one_sentence_and_stops_the_rest() {
    let text = WorldText::three_regions(1, WORLD);
    let (_folder, regions, data) = written(&text);
    let up = |data: &str| tidegate(&["up", "--regions", &regions, "--data", data]);

    let taken = text.regions[1].nodes[0].3;
    let holder = TcpListener::bind(taken).expect("free a moment ago");
    let output = up(&data);
    assert_eq!(output.code, 1);
    let says = format!("the door `public` of eu-west-1/a cannot open: {taken} is in use");
    assert!(output.err.contains(&says), "{}", output.err);
    assert_eq!(output.err.trim().lines().count(), 1, "{}", output.err);
    drop(holder);

    let output = up("/proc/nowhere");
    assert!(
        output.code == 1
            && output
                .err
                .contains("the data folder /proc/nowhere cannot be made"),
        "{}",
        output.err
    );

    let output = tidegate(&["up", "--regions", "/nowhere", "--data", &data]);
    assert!(
        output.code == 1 && output.err.contains("/nowhere cannot be read"),
        "{}",
        output.err
    );

    // A node that does not come up: its store is not a store.
    let broken = Path::new(&data).join("nodes/ap-southeast-1.a");
    std::fs::create_dir_all(&broken).expect("writable");
    std::fs::write(broken.join("keys.redb"), "not a store").expect("writable");
    let output = up(&data);
    assert_eq!(output.code, 1);
    assert!(
        output.err.contains("ap-southeast-1.a ended while starting"),
        "{}",
        output.err
    );
    assert!(
        output.err.contains("cannot be opened as a key store"),
        "{}",
        output.err
    );
    assert_eq!(running(&data), 0, "all others were stopped");
}

#[test]
fn a_node_that_cannot_start_says_why() {
    let text = WorldText::one_node(WORLD, &["127.0.0.1:9".parse().expect("an address")]);
    let (_folder, regions, data) = written(&text);
    let region = format!("{regions}/us-east-1.yaml");
    let run = |node: &str| tidegate(&["run", "--region", &region, "--node", node, "--data", &data]);
    let output = run("a");
    assert!(
        output.code == 1 && output.err.contains("`tidegate certs init` makes it"),
        "{}",
        output.err
    );
    let made = tidegate(&["certs", "init", "--regions", &regions, "--data", &data]);
    assert!(
        made.code == 0 && made.out.contains("ca-key.pem"),
        "{}{}",
        made.out,
        made.err
    );
    let output = run("z");
    assert!(
        output.code == 1 && output.err.contains("lists no node `z` (it lists a)"),
        "{}",
        output.err
    );
    let holder = TcpListener::bind(text.regions[0].nodes[0].3).expect("free a moment ago");
    let output = run("a");
    assert!(
        output.code == 1 && output.err.contains("the door `public` cannot open"),
        "{}",
        output.err
    );
    drop(holder);
    let output = tidegate(&["run", "--region", "/nowhere.yaml", "--node", "a"]);
    assert!(
        output.code == 1 && output.err.contains("cannot be read"),
        "{}",
        output.err
    );
    assert_eq!(tidegate(&["run"]).code, 2, "wrong usage");
}

#[test]
fn a_node_ends_when_its_lifeline_does() {
    let text = WorldText::one_node(WORLD, &["127.0.0.1:9".parse().expect("an address")]);
    let (folder, regions, data) = written(&text);
    assert_eq!(
        tidegate(&["certs", "init", "--regions", &regions, "--data", &data]).code,
        0
    );
    let log = std::fs::File::create(folder.path().join("log")).expect("writable");
    let mut node = Command::new(binary())
        .args([
            "run",
            "--region",
            &format!("{regions}/us-east-1.yaml"),
            "--node",
            "a",
            "--data",
            &data,
            "--lifeline",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the binary starts");
    std::thread::sleep(Duration::from_millis(800));
    assert!(node.try_wait().expect("askable").is_none());
    drop(node.stdin.take());
    let status = node.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn plans_are_played_and_wrong_ones_are_explained() {
    let simulations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulations");
    let plan = simulations.join("fresh-burst.yaml").display().to_string();
    let output = tidegate(&["sim", "run", &plan, "--seed", "5"]);
    assert_eq!(output.code, 0, "{}", output.out);
    let again = tidegate(&["sim", "run", &plan, "--seed", "5"]);
    assert_eq!(output.out, again.out, "the same seed, the same run");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let wrong = folder.path().join("wrong.yaml");
    let text = std::fs::read_to_string(&plan).expect("readable");
    std::fs::write(
        &wrong,
        text.replace("node: us-east-1/a", "node: us-east-1/q")
            .replace("amount", "amonut"),
    )
    .expect("writable");
    let output = tidegate(&["sim", "run", &wrong.display().to_string()]);
    assert_eq!(output.code, 2);
    assert!(
        output.out.contains("did you mean `amount`?"),
        "{}",
        output.out
    );
    std::fs::write(&wrong, text.replace("over_max: 0", "over_max: -1")).expect("writable");
    let output = tidegate(&["sim", "run", &wrong.display().to_string()]);
    assert!(
        output.code == 1 && output.out.contains("BROKEN over_max"),
        "{}",
        output.out
    );
}
