//! Prints the devices that Kiln sees: `cargo run --example devices [-- --json]`.

use std::process::ExitCode;

use kiln::{Device, DeviceInfo, DeviceKind};
use lexopt::Arg::{Long, Short};
use serde_json::{Map, Value, json};

const USAGE: &str = "Usage: devices [--json]

Prints the devices that Kiln sees: the CPU, then the GPUs with driver, limits and features. The one marked with `*`
is what `Device::best()` gives; KILN_DEVICE chooses another.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("devices: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut as_json = false;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("json") => as_json = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    // Asked for by name, a device that does not exist is an error rather than a panic.
    let wanted = std::env::var("KILN_DEVICE").ok().filter(|name| !name.is_empty());
    let best: Device = wanted.as_deref().unwrap_or("auto").parse()?;
    let list = Device::list();
    if as_json {
        let rows: Vec<Value> = list.iter().enumerate().map(|(i, info)| row(i, info, &best)).collect();
        println!("{:#}", Value::from(rows));
    } else {
        print(&list, &best);
    }
    Ok(())
}

/// `cpu`, `gpu:0`, `gpu:1` ..: the names that `KILN_DEVICE` takes.
fn name(index: usize) -> String {
    index.checked_sub(1).map_or_else(|| "cpu".into(), |gpu| format!("gpu:{gpu}"))
}

fn kind(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Cpu => "CPU",
        DeviceKind::DiscreteGpu => "discrete GPU",
        DeviceKind::IntegratedGpu => "integrated GPU",
        DeviceKind::VirtualGpu => "virtual GPU",
        DeviceKind::SoftwareGpu => "software GPU",
    }
}

fn row(index: usize, info: &DeviceInfo, best: &Device) -> Value {
    let limits: Map<String, Value> = info.limits.iter().map(|&(name, limit)| (name.into(), limit.into())).collect();
    json!({
        "device": name(index),
        "name": info.name,
        "kind": kind(info.kind),
        "backend": info.backend,
        "driver": info.driver,
        "limits": limits,
        "features": info.features,
        "best": best.name() == name(index),
    })
}

fn print(list: &[DeviceInfo], best: &Device) {
    let heads: Vec<[String; 4]> = list
        .iter()
        .enumerate()
        .map(|(i, info)| [name(i), info.name.clone(), kind(info.kind).into(), info.backend.clone()])
        .collect();
    let width = |column: usize| heads.iter().map(|head| head[column].chars().count()).max().unwrap_or(0);
    let [w0, w1, w2] = [width(0), width(1), width(2)];
    for (info, head) in list.iter().zip(&heads) {
        let mark = if best.name() == head[0] { '*' } else { ' ' };
        println!("{mark} {:w0$}  {:w1$}  {:w2$}  {}", head[0], head[1], head[2], head[3]);
        if !info.driver.is_empty() {
            println!("    driver    {}", info.driver);
        }
        let limits: Vec<String> =
            info.limits.iter().map(|(name, limit)| format!("{name} {}", grouped(*limit))).collect();
        lines("limits", &limits);
        let features: Vec<String> = info.features.iter().map(|f| f.to_string()).collect();
        lines("features", &features);
    }
    if list.len() == 1 {
        println!("  no GPU: install a Vulkan driver (on Debian and Ubuntu `apt install mesa-vulkan-drivers`)");
    }
}

/// A title and items, broken into lines of a terminal's width.
fn lines(title: &str, items: &[String]) {
    let mut line = format!("    {title:9}");
    for (i, item) in items.iter().enumerate() {
        if i > 0 && line.len() + item.len() > 98 {
            println!("{line},");
            line = " ".repeat(13);
        } else if i > 0 {
            line.push(',');
        }
        line.push(' ');
        line.push_str(item);
    }
    if !items.is_empty() {
        println!("{line}");
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}
