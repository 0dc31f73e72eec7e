//! What an epoch shows while it runs: a bar on a terminal, one line at its end elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    time::Instant,
};

/// The progress of one epoch on standard error.
pub(super) struct Progress {
    prefix: String,
    quiet: bool,
    start: Instant,
    bar: Option<bar::Bar>,
}

impl Progress {
    pub fn new(quiet: bool, epoch: usize, epochs: usize, batches: usize) -> Self {
        let prefix = format!("epoch {epoch:>width$}/{epochs}", width = epochs.to_string().len());
        let bar = if quiet || !io::stderr().is_terminal() { None } else { bar::Bar::new(&prefix, batches) };
        Self { prefix, quiet, start: Instant::now(), bar }
    }

    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.step();
        }
    }

    pub fn loss(&self, loss: f64) {
        if let Some(bar) = &self.bar {
            bar.loss(loss);
        }
    }

    /// Leaves these last words.
    pub fn finish(&self, words: String) {
        if let Some(bar) = &self.bar {
            bar.finish(words);
        } else if !self.quiet {
            let seconds = self.start.elapsed().as_secs_f64();
            // A closed standard error is no reason to stop a training.
            let _ = writeln!(io::stderr(), "{}  {words}  {seconds:.1} s", self.prefix);
        }
    }
}

#[cfg(feature = "progress")]
mod bar {
    use std::time::Duration;

    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

    pub struct Bar(ProgressBar);

    impl Bar {
        /// None if the terminal cannot draw one.
        pub fn new(prefix: &str, batches: usize) -> Option<Self> {
            let bar = ProgressBar::with_draw_target(Some(batches as u64), ProgressDrawTarget::stderr());
            if bar.is_hidden() {
                return None;
            }
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {pos:>4}/{len} {elapsed:>4}  {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix(prefix.to_owned());
            bar.enable_steady_tick(Duration::from_millis(250));
            Some(Self(bar))
        }

        pub fn step(&self) {
            self.0.inc(1);
        }

        pub fn loss(&self, loss: f64) {
            self.0.set_message(format!("loss {loss:.4}"));
        }

        pub fn finish(&self, words: String) {
            self.0.finish_with_message(words);
        }
    }
}

/// Without the feature `progress` there is no bar.
#[cfg(not(feature = "progress"))]
mod bar {
    pub enum Bar {}

    impl Bar {
        pub fn new(_: &str, _: usize) -> Option<Self> {
            None
        }

        pub fn step(&self) {
            match *self {}
        }

        pub fn loss(&self, _: f64) {
            match *self {}
        }

        pub fn finish(&self, _: String) {
            match *self {}
        }
    }
}
