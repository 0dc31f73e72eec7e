//! What is written from the registry and from the docs of `Tensor` is up to date: `docs/ops.md`, and the marked blocks of the
//! Python module's stub. `KILN_WRITE_GENERATED=1` writes them.

use std::{fmt::Write, fs, path::PathBuf};

use kiln::{
    Device, Result, Tensor,
    op::{Accuracy, BinaryOp, Class, UnaryOp},
};

const STUB: &str = "python/kiln/_kiln.pyi";
const COMMAND: &str = "KILN_WRITE_GENERATED=1 cargo test -p kiln-tests --test integration generated";

#[test]
fn generated_files_are_up_to_date() -> Result<()> {
    let stub = read(STUB);
    let files = [("docs/ops.md", reference(&stub)?), (STUB, stub_with_rows(&stub))];
    let writes = std::env::var_os("KILN_WRITE_GENERATED").is_some();
    for (file, wanted) in files {
        let found = read(file);
        if let Some(why) = first_difference(&found, &wanted) {
            assert!(writes, "{file} is stale, {why}\nWrite it by: {COMMAND}");
            fs::write(path(file), wanted).unwrap_or_else(|why| panic!("{file}: {why}"));
        }
    }
    Ok(())
}

#[test]
fn the_first_line_that_differs_is_named() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\n", "a\nc\n").as_deref(), Some("line 2:\n- b\n+ c"));
    assert_eq!(first_difference("a\n", "a\nc\n").as_deref(), Some("line 2:\n- \n+ c"));
    assert_eq!(first_difference("a\n\n", "a\n").as_deref(), Some("line 3:\n- \n+ "));
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// The text of a file, nothing if there is none.
fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_default().replace("\r\n", "\n")
}

fn first_difference(found: &str, wanted: &str) -> Option<String> {
    let (mut a, mut b) = (found.split('\n'), wanted.split('\n'));
    (1..).map_while(|n| Some((n, a.next(), b.next())).filter(|(_, a, b)| a.is_some() || b.is_some())).find_map(
        |(n, a, b)| {
            let [found, wanted] = [a, b].map(|line| line.unwrap_or_default());
            (a != b).then(|| format!("line {n}:\n- {found}\n+ {wanted}"))
        },
    )
}

/// The stub, with a method and a function for each row of the registry.
fn stub_with_rows(stub: &str) -> String {
    let methods = block(stub, "methods", "    ", |name| format!("    def {name}(self"), "_float", "self");
    block(&methods, "functions", "", |name| format!("def {name}("), "float", "x: Tensor, /")
}

/// The text with the lines between two markers written anew. A row that stands elsewhere was written by hand.
fn block(text: &str, what: &str, indent: &str, head: impl Fn(&str) -> String, float: &str, receiver: &str) -> String {
    let [begin, end] = ["BEGIN", "END"].map(|word| format!("{indent}# {word} GENERATED {what} of elementwise ops\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{STUB} has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{STUB} has no {end}"));
    let mut lines = String::new();
    let mut row = |name: &str, arguments: String| {
        if !before.lines().chain(after.lines()).any(|line| line.starts_with(&head(name))) {
            lines += &format!("{indent}def {name}({receiver}{arguments}) -> Tensor: ...\n");
        }
    };
    for info in UnaryOp::ALL.iter().map(|op| op.info()) {
        row(info.name, String::new());
    }
    for info in BinaryOp::ALL.iter().map(|op| op.info()) {
        row(
            info.name,
            match info.parameter {
                Some(parameter) => format!(", {}: {float} = {:?}", parameter.name, parameter.default),
                None => ", other: Operand".into(),
            },
        );
    }
    format!("{before}{begin}{lines}{end}{after}")
}

const HEAD: &str = "\
# Ops

Written by `tests/integration/generated.rs` from the registry (`src/op`) and the docs of `Tensor`: change it there.

Every op is a method of `Tensor` and runs on every device. Elementwise ops have the same name in Python, as methods and as
functions: `x.exp()`, `kiln.exp(x)`. GPUs compute `F64`, and most of `I64` and `U64`, only if they have such numbers; what a
device lacks is an error that says so. [from-numpy.md](from-numpy.md) shows the module task by task.

## Elementwise ops

- **Dtypes** says what an op computes in. Integers are exact, and wrap. `F16` and `BF16` are computed in `F32` and rounded once.
- **F32** and **F64** are bounds of the error on every device and over the whole range, in units in the last place from the
  correctly rounded result: 0 is that result. `kiln::op::Accuracy` says more.
- **Gradient** is 0 where the derivative is 0 everywhere, and empty where results are no floats.
";

fn reference(stub: &str) -> Result<String> {
    let mut text = HEAD.to_owned();
    let head = "computes | dtypes | F32 | F64 | gradient |\n|---|---|---|---|---|---|";
    let _ = writeln!(text, "\n### Of one input\n\n| `x.` | {head}");
    for op in UnaryOp::ALL {
        let info = op.info();
        let inputs = [point(info.domain)?];
        let gradient = gradient(info.class, &inputs, |x| x[0].unary(*op))?;
        text += &row(info.name, info.doc, info.class, info.accuracy, gradient);
    }
    let binary = |with_parameter: bool| {
        BinaryOp::ALL.iter().map(|op| op.info()).filter(move |info| info.parameter.is_some() == with_parameter)
    };
    let add = |text: &mut String, info: kiln::op::BinaryInfo, name: &str| -> Result<()> {
        let inputs = [point(info.domains[0])?, point(info.domains[1])?];
        let gradient = gradient(info.class, &inputs, |x| x[0].binary(info.op, &x[1]))?;
        *text += &row(name, info.doc, info.class, info.accuracy, gradient);
        Ok(())
    };
    let _ = writeln!(text, "\n### Of one input, with a parameter\n");
    text += "A method takes the parameter as a number, `x.elu(1.0)`; in Python it has the default that PyTorch gives it, shown \
             here.\n`x.binary(BinaryOp::Elu, &alphas)` takes a tensor, which may be tracked.\n\n";
    let _ = writeln!(text, "| `x.` | {head}");
    for info in binary(true) {
        let parameter = info.parameter.map_or(String::new(), |p| format!("{} = {:?}", p.name, p.default));
        add(&mut text, info, &format!("{}({parameter})", info.name))?;
    }
    let _ = writeln!(text, "\n### Of two inputs\n\nThey are broadcast and promoted; the second may be a number.\n");
    let _ = writeln!(text, "| `a.` | {head}");
    for info in binary(false) {
        add(&mut text, info, info.name)?;
    }
    text += "\n## Other ops\n\n**Python** names those that the module has under the same name.\n";
    let folder = fs::read_dir(path("src/tensor")).expect("the sources");
    let mut files: Vec<_> = folder.map(|entry| entry.expect("a source").file_name()).collect();
    files.sort();
    for file in files {
        text += &methods(&read(&format!("src/tensor/{}", file.display())), stub);
    }
    Ok(text)
}

fn row(name: &str, doc: &str, class: Class, accuracy: Accuracy, gradient: &str) -> String {
    let dtypes = match class {
        Class::Float => "floats; others become `F32`",
        Class::Number => "numbers; bools become `I64`",
        Class::NumberOrBool => "numbers, bools",
        Class::NumberOnly => "numbers",
        Class::Compare => "numbers, bools; gives bools",
        Class::Logic => "all, by their truth; gives bools",
        Class::Bits => "integers, bools",
    };
    let bounds = if matches!(class, Class::Compare | Class::Logic | Class::Bits) {
        " | ".to_owned()
    } else {
        format!("{} | {}", accuracy.f32, accuracy.f64)
    };
    format!("| `{name}` | {} | {dtypes} | {bounds} | {gradient} |\n", cell(doc))
}

/// Some values of a test domain.
fn point((low, high): (f64, f64)) -> Result<Tensor> {
    let values = [0.1, 0.3, 0.6, 0.9].map(|at| low + (high - low) * at);
    Tensor::from_slice(&values, [values.len()], &Device::cpu())
}

fn gradient(class: Class, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<&'static str> {
    if !class.is_differentiable() {
        return Ok("");
    }
    let inputs: Vec<Tensor> = inputs.iter().map(Tensor::requires_grad).collect();
    let gradients = f(&inputs)?.sum(())?.backward()?;
    let slopes = inputs.iter().filter_map(|x| gradients.get(x)).map(|g| g.ne(0.0)?.any(())?.item::<bool>());
    Ok(if slopes.collect::<Result<Vec<_>>>()?.contains(&true) { "yes" } else { "0" })
}

/// The methods of a file of `src/tensor` that give tensors, as a section; nothing if there is none.
fn methods(source: &str, stub: &str) -> String {
    let title = source.lines().next().unwrap_or_default().trim_start_matches("//! ");
    let (mut rows, mut doc, mut in_tensor, mut in_rows) = (String::new(), Vec::new(), false, false);
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with([' ', '#', '/']) && !line.is_empty() {
            (in_tensor, in_rows) = (line == "impl Tensor {", line == "reductions! {");
        }
        let code = line.trim();
        if let Some(part) = code.strip_prefix("///") {
            doc.push(part.trim());
            continue;
        }
        let names: Vec<&str> = code.trim_end_matches(';').split(' ').collect();
        let calls = if let (true, [name, keepdim, _]) = (in_rows, &names[..]) {
            [*name, *keepdim].map(|name| (name.to_owned(), format!("x.{name}(axes)"))).to_vec()
        } else if let (true, Some(rest)) = (in_tensor, line.strip_prefix("    pub fn ")) {
            let mut signature = rest.to_owned();
            while !signature.ends_with('{') {
                signature += lines.next().unwrap_or("{").trim();
            }
            call(&signature).into_iter().collect()
        } else {
            Vec::new()
        };
        if !calls.is_empty() {
            let paragraph: Vec<&str> = doc.iter().copied().take_while(|line| !line.is_empty()).collect();
            let python = calls.iter().filter(|(name, _)| stub.contains(&format!("def {name}(")));
            let python: Vec<String> = python.map(|(name, _)| format!("`{name}`")).collect();
            let calls: Vec<String> = calls.iter().map(|(_, call)| format!("`{call}`")).collect();
            let _ = writeln!(rows, "| {} | {} | {} |", calls.join(", "), cell(&paragraph.join(" ")), python.join(", "));
        }
        if !code.starts_with("#[") {
            doc.clear();
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("\n### {}\n\n| method | does | Python |\n|---|---|---|\n{rows}", title.trim_end_matches('.'))
}

/// The name and the call of a function that gives a tensor, from its signature.
fn call(signature: &str) -> Option<(String, String)> {
    let open = signature.find('(')?;
    let (mut depth, mut arguments, mut start, mut close) = (0, Vec::new(), open + 1, open);
    for (at, c) in signature.char_indices().skip(open) {
        match c {
            '(' | '[' | '<' => depth += 1,
            '>' if signature[..at].ends_with('-') => {}
            ')' | ']' | '>' => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && c == ',' {
            arguments.push(signature[start..at].trim());
            start = at + 1;
        }
        if depth == 0 {
            close = at;
            break;
        }
    }
    if !signature[close..].contains("Tensor") {
        return None;
    }
    let name = signature[..open].split('<').next()?;
    let receiver = if arguments.first() == Some(&"&self") { "x." } else { "Tensor::" };
    let names: Vec<&str> =
        arguments.iter().filter_map(|argument| argument.split_once(':')).map(|(name, _)| name).collect();
    Some((name.to_owned(), format!("{receiver}{name}({})", names.join(", "))))
}

/// Markdown for a cell of a table: without links into the docs of the crate.
fn cell(doc: &str) -> String {
    let mut text = String::new();
    let mut rest = doc;
    while let Some(at) = rest.find('[') {
        text += &rest[..at];
        rest = &rest[at..];
        let link = rest.split_once(']').map(|(label, after)| {
            let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
            (&label[1..], target.filter(|(target, _)| !target.starts_with("http")), after)
        });
        match link {
            Some((label, Some((_, after)), _)) => (text, rest) = (text + label, after),
            Some((label, None, after)) if label.starts_with('`') && !after.starts_with('(') => {
                (text, rest) = (text + label, after);
            }
            _ => (text, rest) = (text + "[", &rest[1..]),
        }
    }
    (text + rest).replace('|', "\\|")
}
