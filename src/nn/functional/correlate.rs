//! The convolution and its gradients for input and weight.
//!
//! A convolution is bilinear in input and weight, and so are the gradients for either. Each of the three maps is
//! computed once, here, as a matrix product over windows, and is the gradient of the other two.

use crate::{
    MAX_RANK, Result, Shape, Tensor,
    autograd::{self, Rule, no_grad},
    tensor::window::Windows,
};

/// Kernel elements up to which their sum is written out: vector loops are longer over output positions than over these.
const UNROLLED: usize = 9;

/// Stride, dilation, padding and groups of a convolution.
#[derive(Clone, Debug)]
pub(super) struct ConvParams {
    pub op: &'static str,
    pub stride: Vec<usize>,
    pub dilation: Vec<usize>,
    /// Zeros before and after each axis.
    pub pads: Vec<(usize, usize)>,
    pub groups: usize,
}

impl ConvParams {
    fn axes(&self) -> usize {
        self.stride.len()
    }

    pub fn windows(&self, axis: usize, size: usize) -> Windows {
        Windows { size, step: self.stride[axis], dilation: self.dilation[axis] }
    }

    /// `[batch, channels, ..]` and `[outputs, channels / groups, kernel..]` to `[batch, outputs, ..]`. As all three maps, of
    /// halves to `F32`.
    pub fn forward(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let y = no_grad(|| self.correlate(&x.detach(), &w.detach()))?;
        let params = self.clone();
        let (x0, w0) = (x.clone(), w.clone());
        Ok(autograd::track(y, &[x, w], |_| {
            Rule::needed(move |g, needed| {
                let g = &*g.in_dtype(x0.dtype());
                let dx = needed[0].then(|| params.grad_input(g, &w0, &x0.shape()[2..])).transpose()?;
                let dw = needed[1].then(|| params.grad_weight(&x0, g, &w0.shape()[2..])).transpose()?;
                Ok(vec![dx, dw])
            })
        }))
    }

    /// The gradient of [`forward`](Self::forward) for an input of spatial sizes `sizes`.
    pub fn grad_input(&self, g: &Tensor, w: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let x = no_grad(|| self.input_from(&g.detach(), &w.detach(), sizes))?;
        let params = self.clone();
        let (g0, w0) = (g.clone(), w.clone());
        Ok(autograd::track(x, &[g, w], |_| {
            Rule::needed(move |d, needed| {
                let d = &*d.in_dtype(w0.dtype());
                let dg = needed[0].then(|| params.forward(d, &w0)).transpose()?;
                let dw = needed[1].then(|| params.grad_weight(d, &g0, &w0.shape()[2..])).transpose()?;
                Ok(vec![dg, dw])
            })
        }))
    }

    /// The gradient of [`forward`](Self::forward) for a weight of kernel sizes `kernel`.
    fn grad_weight(&self, x: &Tensor, g: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let w = no_grad(|| self.weight_from(&x.detach(), &g.detach(), kernel))?;
        let params = self.clone();
        let (x0, g0) = (x.clone(), g.clone());
        Ok(autograd::track(w, &[x, g], |_| {
            Rule::needed(move |d, needed| {
                let d = &*d.in_dtype(x0.dtype());
                let dx = needed[0].then(|| params.grad_input(&g0, d, &x0.shape()[2..])).transpose()?;
                let dg = needed[1].then(|| params.forward(&x0, d)).transpose()?;
                Ok(vec![dx, dg])
            })
        }))
    }

    /// Whether each group is one channel: products and sums over windows then beat matrix products of one row.
    fn is_depthwise(&self, channels: usize, multiplier: usize) -> bool {
        self.groups > 1 && channels == self.groups && 3 + 2 * self.axes() - usize::from(multiplier == 1) <= MAX_RANK
    }

    /// Windows of the padded input: `[batch, channels, positions.., kernel..]`.
    fn unfolded(&self, x: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let mut widths = vec![(0, 0); 2];
        widths.extend(&self.pads);
        let mut x = x.pad(&widths)?;
        for (i, &size) in kernel.iter().enumerate() {
            x = x.windows(self.op, 2 + i, self.windows(i, size))?;
        }
        Ok(x)
    }

    /// The windows as matrices `[batch, channels * kernel, positions]`.
    fn columns(&self, x: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let windows = self.unfolded(x, kernel)?;
        let n = self.axes() as isize;
        let order: Vec<isize> = [0, 1].into_iter().chain(2 + n..2 + 2 * n).chain(2..2 + n).collect();
        let positions = windows.shape()[2..2 + n as usize].iter().product::<usize>();
        let rows = x.shape()[1] * kernel.iter().product::<usize>();
        windows.permute(&order)?.reshape([x.shape()[0], rows, positions])
    }

    fn correlate(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, outputs) = (x.shape()[0], w.shape()[0]);
        let kernel = &w.shape()[2..];
        let mut shape = vec![batch, outputs];
        for (i, &size) in kernel.iter().enumerate() {
            let (before, after) = self.pads[i];
            shape.push(self.windows(i, size).count(x.shape()[2 + i] + before + after));
        }
        let shape = Shape::try_new(&shape)?;
        let multiplier = outputs / groups;
        if self.is_depthwise(x.shape()[1], multiplier) {
            let windows = self.unfolded(x, kernel)?;
            let axes: Vec<isize> = (windows.rank() as isize - n as isize..windows.rank() as isize).collect();
            if multiplier == 1 {
                let mut weight = vec![outputs];
                weight.extend(vec![1; n]);
                weight.extend(kernel);
                let weight = w.reshape(weight)?;
                if kernel.iter().product::<usize>() > UNROLLED {
                    return (windows.widened() * weight.widened()).sum(&axes[..]);
                }
                // One kernel element after another: vector loops run over output positions.
                let mut terms = vec![(windows, weight)];
                for (axis, &size) in axes.iter().zip(kernel).rev() {
                    let positions = axis - 1;
                    let select = |(x, w): &(Tensor, Tensor), element: usize| {
                        Ok((x.select(*axis, element as isize)?, w.select(positions, element as isize)?))
                    };
                    let each = terms.iter().flat_map(|term| (0..size).map(move |element| select(term, element)));
                    terms = each.collect::<Result<_>>()?;
                }
                return added(terms.iter().map(|(x, w)| Ok(x.widened() * w.widened())));
            }
            let mut weight = vec![groups, multiplier];
            weight.extend(vec![1; n]);
            weight.extend(kernel);
            let axes: Vec<isize> = axes.iter().map(|axis| axis + 1).collect();
            let terms = windows.unsqueeze(2)?.widened() * w.reshape(weight)?.widened();
            return terms.sum(&axes[..])?.reshape(shape);
        }
        let columns = self.columns(x, kernel)?;
        let (rows, positions) = (columns.shape()[1], columns.shape()[2]);
        let columns = columns.reshape([batch, groups, rows / groups, positions])?;
        w.reshape([groups, outputs / groups, rows / groups])?.matmul_wide(&columns)?.reshape(shape)
    }

    fn weight_from(&self, x: &Tensor, g: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, channels, outputs) = (x.shape()[0], x.shape()[1], g.shape()[1]);
        let mut shape = vec![outputs, channels / groups];
        shape.extend(kernel);
        let shape = Shape::from(shape);
        let multiplier = outputs / groups;
        if self.is_depthwise(channels, multiplier) {
            let windows = self.unfolded(x, kernel)?;
            let mut grad = vec![batch, groups];
            if multiplier > 1 {
                grad.push(multiplier);
            }
            grad.extend(&g.shape()[2..]);
            grad.extend(vec![1; n]);
            let windows = if multiplier > 1 { windows.unsqueeze(2)? } else { windows };
            let first = windows.rank() as isize - 2 * n as isize;
            let positions: Vec<isize> = [0].into_iter().chain(first..first + n as isize).collect();
            return (windows.widened() * g.reshape(grad)?.widened()).sum(&positions[..])?.reshape(shape);
        }
        // A product per image, then their sum: the images' order is fixed.
        let columns = self.columns(x, kernel)?;
        let (rows, positions) = (columns.shape()[1], columns.shape()[2]);
        let columns = columns.reshape([batch, groups, rows / groups, positions])?;
        let g = g.reshape([batch, groups, outputs / groups, positions])?;
        g.matmul_wide(&columns.t())?.sum(0)?.reshape(shape)
    }

    fn input_from(&self, g: &Tensor, w: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (batch, outputs, per_group) = (g.shape()[0], w.shape()[0], w.shape()[1]);
        let kernel = &w.shape()[2..];
        let steps_by_one = self.stride.iter().all(|&step| step == 1);
        if steps_by_one && self.is_depthwise(per_group * groups, outputs / groups) {
            return self.flipped(&self.padded(g, kernel, sizes)?, w);
        }
        let apart = (0..n).all(|i| self.dilation[i] == 1 && self.stride[i] == kernel[i]);
        let phased = if steps_by_one || apart { 0..0 } else { 0..n };
        let phases: Vec<Phases> = phased.map(|i| self.phases(i, kernel[i], sizes[i], g.shape()[2 + i])).collect();
        let g = if steps_by_one {
            self.padded(g, kernel, sizes)?
        } else if apart {
            g.clone()
        } else {
            let mut widths = vec![(0, 0); 2];
            widths.extend(phases.iter().map(|p| p.padding));
            g.pad(&widths)?
        };
        let rows = per_group * kernel.iter().product::<usize>();
        let positions = g.shape()[2..].iter().product::<usize>();
        let g_columns = g.reshape([batch, groups, outputs / groups, positions])?;
        let columns = w.reshape([groups, outputs / groups, rows])?.t().matmul_wide(&g_columns)?;
        let mut shape = vec![batch, per_group * groups];
        shape.extend(kernel);
        shape.extend(&g.shape()[2..]);
        let columns = columns.reshape(Shape::try_new(&shape)?)?;
        if steps_by_one {
            self.shifted_sum(&columns, kernel, sizes)
        } else if apart {
            self.side_by_side(&columns, sizes)
        } else {
            interleaved(&columns, &phases, &mut Vec::new())
        }
    }

    /// `[batch, channels, kernel.., positions..]` to `[batch, channels, ..]` where no two windows share an element.
    fn side_by_side(&self, columns: &Tensor, sizes: &[usize]) -> Result<Tensor> {
        let n = self.axes();
        let mut order = vec![0, 1];
        let (mut shape, mut widths) = (columns.shape()[..2].to_vec(), vec![(0, 0); 2]);
        for i in 0..n {
            order.extend([(2 + n + i) as isize, (2 + i) as isize]);
            shape.push(columns.shape()[2 + i] * columns.shape()[2 + n + i]);
            widths.push((0, (self.pads[i].0 + sizes[i]).saturating_sub(shape[2 + i])));
        }
        let mut x = columns.permute(&order)?.reshape(Shape::try_new(&shape)?)?.pad(&widths)?;
        for (i, &size) in sizes.iter().enumerate() {
            x = x.narrow(2 + i as isize, self.pads[i].0, size)?;
        }
        Ok(x)
    }

    /// The positions of a gradient from which an input of `size` elements gets its own, along one axis.
    fn phases(&self, axis: usize, kernel: usize, size: usize, positions: usize) -> Phases {
        let (step, dilation, before) = (self.stride[axis], self.dilation[axis], self.pads[axis].0 as isize);
        let count = size.div_ceil(step);
        let elements = (0..step).map(|phase| {
            let shift = |element: usize| phase as isize + before - (element * dilation) as isize;
            let hits = (0..kernel).filter(|&element| shift(element).rem_euclid(step as isize) == 0);
            hits.map(|element| (element, shift(element).div_euclid(step as isize))).collect::<Vec<_>>()
        });
        let mut elements: Vec<Vec<(usize, isize)>> = elements.collect();
        let shifts = || elements.iter().flatten().map(|&(_, shift)| shift);
        let left = shifts().min().map_or(0, |low| (-low).max(0));
        let right = shifts().max().map_or(0, |high| (count as isize + high - positions as isize).max(0));
        elements.iter_mut().flatten().for_each(|(_, shift)| *shift += left);
        Phases { elements, count, size, padding: (left as usize, right as usize) }
    }

    /// A gradient padded with zeros (or cropped), such that the gradient of element `i` of the input is made of its
    /// elements `i .. i + reach`.
    fn padded(&self, g: &Tensor, kernel: &[usize], sizes: &[usize]) -> Result<Tensor> {
        let mut out = g.clone();
        let mut widths = vec![(0, 0); 2];
        for (i, &size) in kernel.iter().enumerate() {
            let reach = self.windows(i, size).reach() - 1;
            let (len, want) = (g.shape()[2 + i], sizes[i] + reach);
            let left = reach as isize - self.pads[i].0 as isize;
            let right = want as isize - left - len as isize;
            let (cut, cut_end) = ((-left).max(0) as usize, (-right).max(0) as usize);
            out = out.narrow(2 + i as isize, cut, len - cut - cut_end)?;
            widths.push((left.max(0) as usize, right.max(0) as usize));
        }
        out.pad(&widths)
    }

    /// `[batch, channels, kernel.., padded positions..]` to `[batch, channels, ..]`: the sum over all
    /// kernel elements, each shifted to its position.
    fn shifted_sum(&self, columns: &Tensor, kernel: &[usize], sizes: &[usize]) -> Result<Tensor> {
        let n = self.axes();
        let mut slid = columns.clone();
        for (i, &size) in sizes.iter().enumerate() {
            slid = slid.slid(2 + i, 2 + n + i, self.dilation[i], size);
        }
        let count = kernel.iter().product::<usize>();
        if count > UNROLLED {
            return slid.sum(&(2..2 + n as isize).collect::<Vec<_>>()[..]);
        }
        let element = |mut at: usize| {
            let mut part = slid.clone();
            for i in (0..n).rev() {
                part = part.select(2 + i as isize, (at % kernel[i]) as isize)?;
                at /= kernel[i];
            }
            Ok(part)
        };
        added((0..count).map(element))
    }

    /// The gradient for the input from a padded one at stride 1: a correlation with the flipped kernel.
    fn flipped(&self, g: &Tensor, w: &Tensor) -> Result<Tensor> {
        let (n, groups) = (self.axes(), self.groups);
        let (outputs, per_group) = (w.shape()[0], w.shape()[1]);
        let kernel = &w.shape()[2..];
        let axes: Vec<isize> = (3..3 + n as isize).collect();
        let mut flipped = vec![groups, outputs / groups, per_group];
        flipped.extend(kernel);
        let flipped = w.reshape(flipped)?.transpose(1, 2)?.flip(&axes)?;
        let mut shape = vec![groups * per_group, outputs / groups];
        shape.extend(kernel);
        let params = ConvParams { stride: vec![1; n], pads: vec![(0, 0); n], ..self.clone() };
        params.correlate(g, &flipped.reshape(shape)?)
    }
}

/// The gradient for the input along an axis, as one of stride 1 for each remainder of a position by the stride (its
/// phase). The phases are interleaved.
struct Phases {
    /// Per phase the kernel elements that contribute, each with the position in the padded gradient that
    /// goes to element 0.
    elements: Vec<Vec<(usize, isize)>>,
    /// Elements of a phase.
    count: usize,
    /// Elements of the input.
    size: usize,
    /// Zeros before and after the gradient, so that every position lies inside.
    padding: (usize, usize),
}

/// `[batch, channels, kernel.., padded positions..]` to `[batch, channels, ..]`. `chosen` are the phases of the
/// first axes.
fn interleaved(columns: &Tensor, phases: &[Phases], chosen: &mut Vec<usize>) -> Result<Tensor> {
    let (n, axis) = (phases.len(), chosen.len());
    if axis == n {
        return one_phase(columns, phases, chosen);
    }
    let mut parts = Vec::new();
    for phase in 0..phases[axis].elements.len() {
        chosen.push(phase);
        parts.push(interleaved(columns, phases, chosen)?);
        chosen.pop();
    }
    let mut shape = *parts[0].shape();
    shape[2 + axis] *= parts.len();
    Tensor::stack(&parts, 3 + axis as isize)?.reshape(shape)?.narrow(2 + axis as isize, 0, phases[axis].size)
}

/// One phase along every axis: the sum over its kernel elements.
fn one_phase(columns: &Tensor, phases: &[Phases], chosen: &[usize]) -> Result<Tensor> {
    let mut sums = vec![columns.clone()];
    // The innermost axis first, so that the numbers of the other axes stay.
    for (i, (phases, &phase)) in phases.iter().zip(chosen).enumerate().rev() {
        let mut next = Vec::new();
        for sum in &sums {
            for &(element, first) in &phases.elements[phase] {
                // `i` kernel axes are left in front of the positions.
                let element = sum.select(2 + i as isize, element as isize)?;
                next.push(element.narrow(2 + 2 * i as isize, first as usize, phases.count)?);
            }
        }
        sums = next;
    }
    if !sums.is_empty() {
        return added(sums.into_iter().map(Ok));
    }
    let mut shape = columns.shape()[..2].to_vec();
    shape.extend(phases.iter().map(|p| p.count));
    Ok(Tensor::zeros(shape, columns.dtype(), columns.device()))
}

/// The sum of at least one term, in order.
fn added(mut terms: impl Iterator<Item = Result<Tensor>>) -> Result<Tensor> {
    let first = terms.next().unwrap_or_else(|| unreachable!("a kernel has an element"))?;
    terms.try_fold(first, |sum, term| sum.add(term?))
}
