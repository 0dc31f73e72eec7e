//! The progress bar of an epoch; nothing without the feature `progress`.

#[cfg(feature = "progress")]
mod bar {
    use std::time::Duration;

    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

    pub struct Progress(ProgressBar);

    impl Progress {
        pub fn new(quiet: bool, epoch: usize, epochs: usize, batches: usize) -> Self {
            if quiet {
                return Self(ProgressBar::hidden());
            }
            // Hides itself where standard error is no terminal.
            let bar = ProgressBar::with_draw_target(Some(batches as u64), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {pos:>4}/{len} {elapsed:>4}  {msg}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.set_prefix(format!("epoch {epoch:>width$}/{epochs}", width = epochs.to_string().len()));
            if !bar.is_hidden() {
                bar.enable_steady_tick(Duration::from_millis(250));
            }
            Self(bar)
        }

        pub fn step(&self) {
            self.0.inc(1);
        }

        pub fn loss(&self, loss: f64) {
            if !self.0.is_hidden() {
                self.0.set_message(format!("loss {loss:.4}"));
            }
        }

        /// Leaves the bar on the screen with these last words.
        pub fn finish(&self, words: String) {
            self.0.finish_with_message(words);
        }
    }
}

#[cfg(not(feature = "progress"))]
mod bar {
    pub struct Progress;

    impl Progress {
        pub fn new(_: bool, _: usize, _: usize, _: usize) -> Self {
            Self
        }
        pub fn step(&self) {}
        pub fn loss(&self, _: f64) {}
        pub fn finish(&self, _: String) {}
    }
}

pub(super) use bar::Progress;
