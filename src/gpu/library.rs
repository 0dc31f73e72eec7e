//! The functions of `shaders/`, by name. A kernel includes those that it calls, and what they call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

const FILES: [&str; 8] = [
    include_str!("../../shaders/prelude.wgsl"),
    include_str!("../../shaders/unary.wgsl"),
    include_str!("../../shaders/binary.wgsl"),
    include_str!("../../shaders/random.wgsl"),
    include_str!("../../shaders/distance.wgsl"),
    include_str!("../../shaders/float64.wgsl"),
    include_str!("../../shaders/float64_exp.wgsl"),
    include_str!("../../shaders/float64_angle.wgsl"),
];
/// Written for a type `T`.
const INTEGER: &str = include_str!("../../shaders/integer.wgsl");

struct Function {
    text: String,
    calls: Vec<String>,
}

fn functions() -> &'static BTreeMap<String, Function> {
    static FUNCTIONS: OnceLock<BTreeMap<String, Function>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let mut all = BTreeMap::new();
        for file in FILES {
            split(file, &mut all);
        }
        for ty in ["i32", "u32", "i64", "u64"] {
            let text = INTEGER.replace("N(T(", &format!("vec4<{ty}>({ty}("));
            let text = text.replace("_T(", &format!("_{ty}(")).replace(": N", &format!(": vec4<{ty}>"));
            split(&text.replace("-> N", &format!("-> vec4<{ty}>")), &mut all);
        }
        let names: BTreeSet<String> = all.keys().cloned().collect();
        for (name, function) in &mut all {
            let words = function.text.split(|c: char| !c.is_alphanumeric() && c != '_');
            let calls: BTreeSet<_> = words.filter(|w| *w != name && names.contains(*w)).collect();
            function.calls = calls.into_iter().map(str::to_owned).collect();
        }
        all
    })
}

fn split(file: &str, all: &mut BTreeMap<String, Function>) {
    let code: Vec<&str> = file.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    for part in code.join("\n").split("\nfn ").skip(1) {
        let name = part.split('(').next().unwrap_or_default();
        all.insert(name.to_owned(), Function { text: format!("fn {}\n", part.trim_end()), calls: Vec::new() });
    }
}

/// The function of that name, if there is one.
pub(super) fn find(name: &str) -> Option<&'static str> {
    functions().get_key_value(name).map(|(name, _)| name.as_str())
}

/// The functions and all that they call.
pub(super) fn closure(names: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let all = functions();
    let mut wanted = BTreeSet::new();
    let mut open: Vec<&str> = names.iter().copied().collect();
    while let Some(name) = open.pop() {
        if wanted.insert(name) {
            open.extend(all.get(name).into_iter().flat_map(|f| f.calls.iter().map(String::as_str)));
        }
    }
    wanted
}

/// Whether one of the functions calls `zero_word`, which the kernel has to give.
pub(super) fn need_zero_word(wanted: &BTreeSet<&'static str>) -> bool {
    wanted.iter().any(|name| functions()[*name].text.contains("zero_word()"))
}

/// Appends the functions of a [`closure`].
pub(super) fn include(wanted: &BTreeSet<&'static str>, text: &mut String) {
    let all = functions();
    text.push_str("alias F = vec4<f32>;\nalias I = vec4<i32>;\nalias U = vec4<u32>;\nalias B = vec4<bool>;\n");
    // Only devices that have the types can read their names.
    if wanted.iter().any(|name| {
        name.contains("f64") && !name.ends_with("_bits") || name.starts_with("f32_to_") && name.ends_with("64")
    }) {
        text.push_str("alias D = vec4<f64>;\nalias L = vec4<i64>;\nalias W = vec4<u64>;\n");
        text.push_str("struct Pair { high: D, low: D }\nstruct Angle { high: D, low: D, quarter: L }\n");
    }
    for name in wanted {
        text.extend(all.get(*name).map(|f| f.text.as_str()));
    }
}
