//! What a training has measured.

use std::{fmt::Write as _, path::Path};

use crate::{Error, Result};

/// The numbers of one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// The mean loss of the samples.
    pub loss: f64,
    /// The metrics by name; those of the validation begin with `val_`, as does its loss.
    pub metrics: Vec<(String, f64)>,
    /// How long it took.
    pub seconds: f64,
}

impl Epoch {
    /// A metric by its name, or `loss`.
    pub fn get(&self, name: &str) -> Option<f64> {
        if name == "loss" {
            return Some(self.loss);
        }
        self.metrics.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

/// The numbers of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Per epoch. After an error, those that came to their end before it.
    pub epochs: Vec<Epoch>,
    /// The loss of every step. After an error, those of the steps before it.
    pub losses: Vec<f64>,
}

impl History {
    /// A metric by its name in every epoch that has it: `loss`, `accuracy`, `val_loss` ...
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|e| e.get(name)).collect()
    }

    /// The last epoch's value of a metric.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.epochs.last()?.get(name)
    }

    /// Draws the loss of every step, and the mean of every epoch, as an SVG image.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.svg()).map_err(|error| Error::file_from(path, error))
    }

    fn svg(&self) -> String {
        const SIZE: (f64, f64) = (640.0, 400.0);
        const MARGIN: f64 = 48.0;
        let (left, right, bottom) = (MARGIN, SIZE.0 - MARGIN, SIZE.1 - MARGIN);
        let finite = self.losses.iter().copied().filter(|l| l.is_finite());
        let (low, high) = finite.fold((0f64, 1e-9f64), |(low, high), l| (low.min(l), high.max(l)));
        let last = (self.losses.len().max(2) - 1) as f64;
        let x = |step: f64| left + step / last * (right - left);
        let y = |loss: f64| bottom - (loss - low) / (high - low) * (bottom - MARGIN);
        let line = |points: &[(f64, f64)], style: &str| {
            let points = points.iter().filter(|(_, loss)| loss.is_finite());
            let points: Vec<String> = points.map(|&(step, loss)| format!("{:.1},{:.1}", x(step), y(loss))).collect();
            format!("<polyline points=\"{}\" fill=\"none\" {style}/>\n", points.join(" "))
        };
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            SIZE.0, SIZE.1
        );
        for i in 0..=4 {
            let part = i as f64 / 4.0;
            let (loss, step) = (low + (high - low) * part, (last * part).round());
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "<line x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{loss:.3}</text>\n\
                 <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{step}</text>\n",
                left - 6.0,
                y(loss) + 4.0,
                x(step),
                bottom + 18.0,
                at = y(loss),
            );
        }
        let steps: Vec<_> = self.losses.iter().enumerate().map(|(i, &loss)| (i as f64, loss)).collect();
        let each = self.losses.len() as f64 / self.epochs.len().max(1) as f64;
        let middle = |i: usize| (i as f64 + 0.5) * each - 0.5;
        let means: Vec<_> = self.epochs.iter().enumerate().map(|(i, epoch)| (middle(i), epoch.loss)).collect();
        out += &line(&steps, "stroke=\"#9bd\"");
        out += &line(&means, "stroke=\"#159\" stroke-width=\"2\"");
        out += &format!("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">step</text>\n", SIZE.0 / 2.0, SIZE.1 - 10.0);
        out += &format!("<text x=\"{left}\" y=\"24\" text-anchor=\"middle\">loss</text>\n</svg>\n");
        out
    }
}
