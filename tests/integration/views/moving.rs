//! Shapes and the order of axes.

use super::*;

#[test]
fn flatten_and_squeeze() {
    everywhere(|| {
        let x = range([2, 3, 4]);
        assert_eq!(x.flatten(0, 1).unwrap().shape(), &[6, 4]);
        assert_eq!(x.flatten(0, -1).unwrap().shape(), &[24]);
        assert_eq!(values(&x.permute([2, 0, 1]).unwrap().flatten(1, 2).unwrap())[..4], [0.0, 4.0, 8.0, 12.0]);
        assert_eq!(range(()).flatten(0, -1).unwrap().shape(), &[1]);
        assert_eq!(range([0, 3]).flatten(0, 1).unwrap().shape(), &[0]);
        fails(x.flatten(2, 1), "flatten: shape [2, 3, 4]: end axis 1 is before start axis 2");
        assert_eq!(range([1, 3, 1, 2, 1]).squeeze_all().shape(), &[3, 2]);
        assert_eq!(range([1, 1]).squeeze_all().rank(), 0);
    });
}

#[test]
fn movedim_keeps_the_others_in_order() {
    everywhere(|| {
        let x = range([2, 3, 4]);
        assert_eq!(x.movedim(0, -1).unwrap().shape(), &[3, 4, 2]);
        assert_eq!(x.movedim(2, 0).unwrap().shape(), &[4, 2, 3]);
        assert_eq!(values(&x.movedim(2, 0).unwrap())[..6], [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]);
        assert!(x.movedim(3, 0).is_err());
    });
}

#[test]
fn parts_cover_the_whole() {
    everywhere(|| {
        let x = range([7, 2]);
        let sizes = |parts: Vec<Tensor>| parts.iter().map(|p| p.shape()[0]).collect::<Vec<_>>();
        assert_eq!(sizes(x.split(0, 3).unwrap()), [3, 3, 1]);
        assert_eq!(sizes(x.chunk(0, 3).unwrap()), [3, 3, 1]);
        assert_eq!(sizes(x.chunk(0, 9).unwrap()), [1; 7]);
        assert_eq!(sizes(x.split_with_sizes(0, &[2, 0, 5]).unwrap()), [2, 0, 5]);
        assert_eq!(values(&x.split(-1, 1).unwrap()[1])[..3], [1.0, 3.0, 5.0]);
        assert_eq!(sizes(range([0, 2]).split(0, 3).unwrap()), [0]);
        fails(x.split_with_sizes(0, &[2, 2]), "split_with_sizes: shape [7, 2]: sizes [2, 2] do not add up to 7");
        fails(x.split(0, 0), "split: the size must not be 0");
        fails(x.chunk(0, 0), "chunk: the count must not be 0");
        let rows = x.unbind(0).unwrap();
        assert_eq!((rows.len(), values(&rows[6])), (7, vec![12.0, 13.0]));
        assert_eq!(values(&x.select(1, -1).unwrap())[..2], [1.0, 3.0]);
        fails(x.select(1, 2), "select: index 2 is out of range for axis 1 of size 2");
    });
}

#[test]
fn roll_and_repeat() {
    everywhere(|| {
        let x = range([2, 3]);
        assert_eq!(values(&x.roll(1, -1).unwrap()), [1.0, 2.0, 0.0, 4.0, 5.0, 3.0]);
        assert_eq!(values(&x.roll(0, 5).unwrap()), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
        assert_eq!(range([0]).roll(0, 3).unwrap().shape(), &[0]);
        assert_eq!(values(&x.repeat(&[1, 2]).unwrap()), [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0]);
        assert_eq!(x.repeat(&[4, 3, 2]).unwrap().shape(), &[4, 6, 6]);
        assert_eq!(x.repeat(&[0, 1]).unwrap().shape(), &[0, 3]);
        assert_eq!(range([1; 8]).repeat(&[2; 8]).unwrap().numel(), 256);
        fails(x.repeat(&[2]), "repeat: shape [2, 3]: [2] must have at least one count per axis");
    });
}
