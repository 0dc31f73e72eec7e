//! The windows of pooling, on a padded input.

use super::pool::PoolOptions;
use crate::{Error, Result, Shape, Tensor, layout::View, shape::MAX_RANK, tensor::window::Windows};

/// The windows of one call along each axis, and the padding of the input.
#[derive(Clone)]
pub(super) struct PoolWindows {
    op: &'static str,
    pub windows: Vec<Windows>,
    /// How many windows there are.
    pub counts: Vec<usize>,
    /// Elements in front of each axis, and the length that all windows need together.
    pub before: Vec<usize>,
    padded_sizes: Vec<usize>,
    /// The sizes of the input.
    pub sizes: Vec<usize>,
}

impl PoolWindows {
    pub fn new<const N: usize>(op: &'static str, x: &Tensor, options: &PoolOptions<N>) -> Result<Self> {
        let stride = options.stride.unwrap_or(options.kernel_size);
        let zero = |list: &[usize; N]| list.contains(&0);
        if zero(&options.kernel_size) || zero(&stride) || zero(&options.dilation) {
            return Err(Error::argument(op, "kernel size, stride and dilation must not be 0"));
        }
        let mut out = Self {
            op,
            windows: Vec::new(),
            counts: Vec::new(),
            before: options.padding.to_vec(),
            padded_sizes: Vec::new(),
            sizes: x.shape()[2..].to_vec(),
        };
        for (i, &step) in stride.iter().enumerate() {
            let (size, pad, len) = (options.kernel_size[i], options.padding[i], out.sizes[i]);
            if pad > size / 2 {
                return Err(Error::argument(op, format!("padding {pad} is more than half of the kernel, {size}")));
            }
            let windows = Windows { size, step, dilation: options.dilation[i] };
            let room = len.saturating_add(2 * pad).checked_sub(windows.reach()).filter(|_| len > 0);
            let Some(room) = room else {
                let reason = format!(
                    "a window over {} elements is larger than the padded input along spatial axis {i}",
                    windows.reach()
                );
                return Err(Error::shape(op, x.shape(), reason));
            };
            let mut count = room / windows.step + 1;
            if options.ceil_mode && room % windows.step != 0 && count * windows.step < len + pad {
                count += 1;
            }
            out.padded_sizes.push((count - 1) * windows.step + windows.reach());
            out.counts.push(count);
            out.windows.push(windows);
        }
        Ok(out)
    }

    pub fn elements(&self) -> usize {
        self.windows.iter().map(|w| w.size).product()
    }

    /// The input padded with zeros, as long as the windows need.
    pub fn padded(&self, x: &Tensor) -> Result<Tensor> {
        let mut widths = vec![(0, 0); 2];
        let mut x = x.clone();
        for (i, (&padded, &before)) in self.padded_sizes.iter().zip(&self.before).enumerate() {
            let len = self.sizes[i].min(padded - before);
            x = x.narrow(2 + i as isize, 0, len)?;
            widths.push((before, padded - before - len));
        }
        x.pad(&widths)
    }

    /// The transpose of [`padded`](Self::padded).
    fn unpadded(&self, x: &Tensor) -> Result<Tensor> {
        let mut widths = vec![(0, 0); 2];
        let mut x = x.clone();
        for (i, (&padded, &before)) in self.padded_sizes.iter().zip(&self.before).enumerate() {
            let len = self.sizes[i].min(padded - before);
            x = x.narrow(2 + i as isize, before, len)?;
            widths.push((0, self.sizes[i] - len));
        }
        x.pad(&widths)
    }

    /// `[batch, channels, windows.., kernel..]` of a padded input.
    pub fn unfolded(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, &windows) in self.windows.iter().enumerate() {
            x = x.windows(self.op, 2 + i, windows)?;
        }
        Ok(x)
    }

    /// Every kernel element as a tensor `[batch, channels, windows..]`.
    pub fn each_element(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let n = self.windows.len();
        let unfolded = self.unfolded(x)?;
        let element = |mut at: usize| {
            let mut part = unfolded.clone();
            for i in (0..n).rev() {
                part = part.select((2 + n + i) as isize, (at % self.windows[i].size) as isize)?;
                at /= self.windows[i].size;
            }
            Ok(part)
        };
        (0..self.elements()).map(element).collect()
    }

    /// The gradient for the input from one per window and kernel element. `f` gets the shape in which a tensor
    /// per window broadcasts against the kernel elements, and the numbers of these.
    pub fn grad_input(&self, x: &Tensor, f: &dyn Fn(&[usize], &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let n = self.windows.len();
        let (batch, channels) = (x.shape()[0], x.shape()[1]);
        let apart = self.windows.iter().all(|w| w.dilation == 1 && w.size == w.step);
        // Windows side by side: each kernel axis directly behind its window axis, which is the order of the input.
        let axes = |i: usize| if apart { (2 + 2 * i, 3 + 2 * i) } else { (2 + i, 2 + n + i) };
        let mut whole = vec![batch, channels];
        whole.resize(2 + 2 * n, 1);
        let mut per_window = whole.clone();
        let mut numbers = View { shape: Shape::SCALAR, strides: [0; MAX_RANK], offset: 0 };
        let mut step = 1;
        for i in (0..n).rev() {
            let (window, kernel) = axes(i);
            (whole[window], whole[kernel]) = (self.counts[i], self.windows[i].size);
            per_window[window] = self.counts[i];
            numbers.strides[kernel] = step;
            step *= self.windows[i].size as isize;
        }
        numbers.shape = Shape::try_new(&whole)?;
        let mut spread = f(&per_window, &Tensor::coordinates(numbers, x.device()))?.expand(numbers.shape)?;
        if apart {
            let mut shape = vec![batch, channels];
            shape.extend(&self.padded_sizes);
            return self.unpadded(&spread.reshape(shape)?);
        }
        for i in (0..n).rev() {
            spread = spread.overlap_add(2 + i, self.padded_sizes[i], self.windows[i])?;
        }
        self.unpadded(&spread)
    }
}
