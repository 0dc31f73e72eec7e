//! The table of a model's layers, as Keras prints it.

use std::{collections::HashSet, fmt};

use super::{Forward, Module, Part, Visit, module::in_evaluation, trace::trace};
use crate::{Error, Result, Shape, Tensor, no_grad};

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The path of fields that leads to the layer; empty for the model itself.
    pub name: String,
    /// The layer's type.
    pub kind: String,
    /// The shape of its result.
    pub output: Shape,
    /// Numbers in its parameters that no row before has counted.
    pub parameters: usize,
}

/// What [`Module::summary`] says about a model; print it with `{}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The model's type.
    pub model: String,
    /// The layers in the order in which they were applied.
    pub rows: Vec<SummaryRow>,
    /// Numbers in parameters that lie in none of these layers.
    pub other: usize,
    /// Numbers in all parameters.
    pub total: usize,
    /// Numbers in parameters that are not frozen.
    pub trainable: usize,
    /// Numbers in buffers, such as running means.
    pub buffers: usize,
}

/// A module that the traversal has visited.
struct Visited {
    name: String,
    address: usize,
    kind: &'static str,
    used: bool,
}

pub(super) fn summary<M: Module + Forward>(model: &M, x: &Tensor) -> Result<Summary> {
    let mut modules = Vec::new();
    let mut parameters = Vec::new();
    let mut buffers = 0;
    model.visit(&mut Visit::with_modules(
        &mut |name, part| match part {
            Part::Param(param) => parameters.push((name.to_owned(), param.clone())),
            Part::Buffer(buffer) => buffers += buffer.tensor().numel(),
            Part::Training(_) => {}
        },
        &mut |name, address, kind| modules.push(Visited { name: name.to_owned(), address, kind, used: false }),
    ));
    let (address, model_kind) = model.place();
    modules.push(Visited { name: String::new(), address, kind: model_kind, used: false });
    // Nothing is computed: the result is never read. Statistics stay as they are in evaluation.
    let (y, applied) = in_evaluation(model, || trace(|| no_grad(|| model.forward(x))));
    y.map_err(|error| Error::argument("summary", format!("the forward pass failed: {error}")))?;

    let mut counted = HashSet::new();
    let mut rows = Vec::new();
    for layer in applied {
        // Layers without fields may share an address: each stands for the next one that has not been seen.
        let same = |p: &Visited| p.address == layer.address && p.kind == layer.kind;
        let at = modules.iter().position(|p| same(p) && !p.used).or_else(|| modules.iter().position(same));
        let name = at.map_or_else(String::new, |at| {
            modules[at].used = true;
            modules[at].name.clone()
        });
        let inside = |path: &str| {
            at.is_some() && path.strip_prefix(&name).is_some_and(|rest| name.is_empty() || rest.starts_with('.'))
        };
        let own = parameters.iter().filter(|(path, param)| inside(path) && counted.insert(param.id()));
        let own = own.map(|(_, param)| param.shape().numel()).sum();
        rows.push(SummaryRow { name, kind: layer.kind.to_owned(), output: layer.output, parameters: own });
    }
    let mut seen = HashSet::new();
    parameters.retain(|(_, param)| seen.insert(param.id()));
    let numel = |trainable: bool| {
        let wanted = parameters.iter().filter(|(_, p)| !(trainable && p.is_frozen()));
        wanted.map(|(_, p)| p.shape().numel()).sum::<usize>()
    };
    let total = numel(false);
    let other = total - rows.iter().map(|row| row.parameters).sum::<usize>();
    Ok(Summary { model: model_kind.to_owned(), rows, other, total, trainable: numel(true), buffers })
}

/// A number with its thousands apart: `1,234,567`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = vec![["layer (type)".to_owned(), "output shape".to_owned(), "parameters".to_owned()]];
        for row in &self.rows {
            let layer = if row.name.is_empty() { row.kind.clone() } else { format!("{} ({})", row.name, row.kind) };
            cells.push([layer, row.output.to_string(), thousands(row.parameters)]);
        }
        if self.other > 0 {
            cells.push(["parameters outside of layers".to_owned(), String::new(), thousands(self.other)]);
        }
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let (first, second, third) = (width(0), width(1), width(2));
        writeln!(f, "{}", self.model)?;
        let rule = |f: &mut fmt::Formatter<'_>, cross: char| {
            writeln!(f, "{}{cross}{}{cross}{}", "─".repeat(first + 1), "─".repeat(second + 2), "─".repeat(third + 1))
        };
        rule(f, '┬')?;
        for (i, [layer, output, parameters]) in cells.iter().enumerate() {
            writeln!(f, "{layer:<first$} │ {output:<second$} │ {parameters:>third$}")?;
            if i == 0 {
                rule(f, '┼')?;
            }
        }
        rule(f, '┴')?;
        let (total, trainable) = (thousands(self.total), thousands(self.trainable));
        write!(f, "{total} parameters, {trainable} of them trainable")?;
        match self.buffers {
            0 => Ok(()),
            buffers => write!(f, "; {} numbers in buffers", thousands(buffers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 12, 123, 1234, 123_456, 1_234_567].map(thousands).join(" "), "0 12 123 1,234 123,456 1,234,567");
    }
}
