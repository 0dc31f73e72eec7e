//! The bar of a transfer; nothing without the feature `progress`.

#[cfg(feature = "progress")]
mod bar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

    use crate::io::cloud::PART;

    pub struct Progress(ProgressBar);

    impl Progress {
        /// Transfers of one part show none.
        pub fn new(shown: bool, bytes: u64) -> Self {
            if !shown || bytes <= PART {
                return Self(ProgressBar::hidden());
            }
            // Hides itself where standard error is no terminal.
            let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
                bar.set_style(style.progress_chars("━╸─"));
            }
            Self(bar)
        }

        pub fn advance(&self, bytes: u64) {
            self.0.inc(bytes);
        }
    }

    impl Drop for Progress {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
}

#[cfg(not(feature = "progress"))]
mod bar {
    pub struct Progress;

    impl Progress {
        pub fn new(_: bool, _: u64) -> Self {
            Self
        }
        pub fn advance(&self, _: u64) {}
    }
}

pub(super) use bar::Progress;
