//! Which part of the crate uses which: the table of ARCHITECTURE.md, against the source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `src/{a,b}.rs` and `src/c/` as `a`, `b` and `c`.
fn modules(cell: &str) -> Vec<String> {
    let paths = cell.split('`').skip(1).step_by(2).filter_map(|path| path.strip_prefix("src/"));
    let names = paths.flat_map(|path| path.trim_end_matches(".rs").trim_matches(['{', '}', '/']).split(','));
    names.map(str::to_owned).collect()
}

/// What the table lets every module use: what it names, and what those may use. The first row is everybody's.
fn allowed() -> Arrows {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let rows = text.lines().filter(|line| line.starts_with("| `src/")).map(|line| line.split('|').collect::<Vec<_>>());
    let mut allowed = Arrows::new();
    let mut vocabulary: Option<Vec<String>> = None;
    for row in rows.take_while(|row| row.len() == 5) {
        let names = modules(row[1]);
        let vocabulary = vocabulary.get_or_insert_with(|| names.clone());
        let uses = row[3].split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let uses: BTreeSet<String> = uses.chain(vocabulary.iter().cloned()).collect();
        allowed.extend(names.into_iter().map(|name| (name, uses.clone())));
    }
    loop {
        let further =
            |uses: &BTreeSet<String>| uses.iter().filter_map(|name| allowed.get(name)).flatten().cloned().collect();
        let next: Arrows = allowed.iter().map(|(name, uses)| (name.clone(), uses | &further(uses))).collect();
        if next == allowed {
            return allowed;
        }
        allowed = next;
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if entry.is_dir() && name != "tests" {
            sources(&entry, files);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(entry);
        }
    }
}

/// The names that stand behind `crate::` outside of comments and tests.
fn used(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut names = BTreeSet::new();
    for behind in code.split("crate::").skip(1) {
        let Some(list) = behind.strip_prefix('{') else {
            names.insert(word(behind));
            continue;
        };
        let mut depth = 0;
        let items = list.split_inclusive(['{', '}', ',']).map(|part| {
            let item: Option<String> = (depth == 0).then(|| word(part)).filter(|item: &String| !item.is_empty());
            depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
            (item, depth)
        });
        names.extend(items.take_while(|(_, depth)| *depth >= 0).filter_map(|(item, _)| item));
    }
    names
}

/// Where what `lib.rs` exports comes from: `Tensor` from `tensor`.
fn exports() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let statements = text.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let mut exports = BTreeMap::new();
    for (module, names) in statements.filter_map(|statement| statement.split_once("::")) {
        let names = names.split(['{', '}', ',', ':']).map(str::trim).filter(|name| !name.is_empty());
        exports.extend(names.map(|name| (name.to_owned(), module.to_owned())));
    }
    exports
}

#[test]
fn nothing_uses_what_stands_above_it() {
    let (allowed, exports, src) = (allowed(), exports(), root().join("src"));
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).expect("a file of src").to_string_lossy().into_owned();
        let module = path.split(['/', '\\']).next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        if ["lib", "prelude"].contains(&module.as_str()) {
            continue;
        }
        let Some(may_use) = allowed.get(&module) else { panic!("ARCHITECTURE.md does not say what {module} may use") };
        for name in used(&fs::read_to_string(&file).expect("a source file")) {
            let from = exports.get(&name).unwrap_or(&name);
            if *from != module && allowed.contains_key(from) && !may_use.contains(from) {
                wrong.push(format!("{path} uses {from} ({name}), which {module} may not"));
            }
            seen.insert(from.clone());
        }
    }
    assert!(
        ["tensor", "graph", "op", "error"].iter().all(|name| seen.contains(*name)),
        "few arrows were found: {seen:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
