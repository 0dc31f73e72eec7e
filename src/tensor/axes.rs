//! How the axes of an op are written.

use crate::shape::{MAX_RANK, Saturate};

/// The axes of a reduction, of `permute` and `flip`: one axis, several in an array, a slice, a vector or a range of
/// `usize`, `isize`, `i64` or `i32`, or `()` for all. Negative ones count from the end.
///
/// ```
/// # use kiln::prelude::*;
/// let x = Tensor::ones([2, 3, 4], DType::F32, &Device::cpu());
/// let last: usize = x.rank() - 1;
/// assert_eq!(x.sum(last)?.shape(), &[2, 3]);
/// assert_eq!(x.sum(1..=last)?.shape(), &[2]);
/// assert_eq!(x.permute([2, 0, 1])?.shape(), &[4, 2, 3]);
/// # Ok::<(), kiln::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name axes",
    note = "axes are `()` for all, an integer, or an array, slice, `Vec` or range of `usize`, `isize`, `i64` or `i32`"
)]
pub trait Axes {
    /// The axes as a list; `None` for all of them.
    fn axes(&self) -> Option<Vec<isize>>;
}

impl Axes for () {
    fn axes(&self) -> Option<Vec<isize>> {
        None
    }
}

/// One more than any shape has, so that ranges of any length end in an error.
fn list(axes: impl Iterator<Item = isize>) -> Option<Vec<isize>> {
    Some(axes.take(MAX_RANK + 1).collect())
}

macro_rules! axes {
    ($($t:ty)*) => {$(
        axes!(@many $t, |axes| std::iter::once(*axes));
        axes!(@many &[$t], |axes| axes.iter().copied());
        axes!(@many Vec<$t>, |axes| axes.iter().copied());
        axes!(@many &Vec<$t>, |axes| axes.iter().copied());
        axes!(@many std::ops::Range<$t>, |axes| axes.clone());
        axes!(@many std::ops::RangeInclusive<$t>, |axes| axes.clone());

        impl<const N: usize> Axes for [$t; N] {
            fn axes(&self) -> Option<Vec<isize>> {
                list(self.iter().copied().map(Saturate::saturate))
            }
        }

        impl<const N: usize> Axes for &[$t; N] {
            fn axes(&self) -> Option<Vec<isize>> {
                list(self.iter().copied().map(Saturate::saturate))
            }
        }
    )*};
    (@many $t:ty, |$axes:ident| $iter:expr) => {
        impl Axes for $t {
            fn axes(&self) -> Option<Vec<isize>> {
                let $axes = self;
                list($iter.map(Saturate::saturate))
            }
        }
    };
}
axes!(usize isize i64 i32);
