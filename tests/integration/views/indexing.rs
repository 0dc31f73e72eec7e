//! Indexing by tensors, and masks.

use super::*;

#[test]
fn gather_takes_from_one_axis() {
    everywhere(|| {
        let x = range([3, 4]);
        let index = ints(&[0, 2, 1, 1], [1, 4]);
        assert_eq!(values(&x.gather(0, &index).unwrap()), [0.0, 9.0, 6.0, 7.0]);
        assert_eq!(values(&x.gather(1, &ints(&[3, 0, 2], [3, 1])).unwrap()), [3.0, 4.0, 10.0]);
        assert_eq!(values(&x.t().gather(0, &ints(&[3, 0, 2], [1, 3])).unwrap()), [3.0, 4.0, 10.0]);
        assert_eq!(x.gather(1, &ints(&[], [3, 0])).unwrap().shape(), &[3, 0]);
        let message = "gather: shape [0]: axis 0 has no elements, but there are 2 indices";
        fails(range([0]).gather(0, &ints(&[0, 1], [2])), message);
    });
}

#[test]
fn every_integer_is_an_index() {
    everywhere(|| {
        let x = range([300]) + 1.0;
        for dtype in DType::ALL.into_iter().filter(|d| d.is_int()) {
            let index = ints(&[2, 0, 2], [3]).to_dtype(dtype);
            assert_eq!(values(&x.index_select(0, &index).unwrap()), [3.0, 1.0, 3.0], "{dtype}");
        }
    });
}

#[test]
fn slices_are_selected() {
    everywhere(|| {
        let x = range([2, 3, 2]);
        let out = x.index_select(1, &ints(&[2, 2, 0], [3])).unwrap();
        assert_eq!(values(&out), [4.0, 5.0, 4.0, 5.0, 0.0, 1.0, 10.0, 11.0, 10.0, 11.0, 6.0, 7.0]);
        assert_eq!(x.index_select(1, &ints(&[], [0])).unwrap().shape(), &[2, 0, 2]);
        fails(x.index_select(1, &ints(&[1], ())), "index_select: shape []: the index must be a vector");
        fails(x.index_select(1, &range([1])), "index_select: dtype float32: the index must hold integers");
    });
}

#[test]
fn scatter_adds_up() {
    everywhere(|| {
        let zeros = Tensor::zeros([3, 2], DType::F32, &here());
        let out = zeros.scatter_add(0, &ints(&[0, 2, 0, 2, 1, -1], [3, 2]), &(range([3, 2]) + 1.0)).unwrap();
        assert_eq!(values(&out), [4.0, 0.0, 5.0, 0.0, 0.0, 12.0]);
        let some = range([3, 2])
            .scatter_add(1, &ints(&[1], [1, 1]), &Tensor::full([1, 1], 10.0, DType::F32, &here()).unwrap())
            .unwrap();
        assert_eq!(values(&some), [0.0, 11.0, 2.0, 3.0, 4.0, 5.0]);
        let none = range([2]).scatter_add(0, &ints(&[], [0]), &range([0])).unwrap();
        assert_eq!(values(&none), [0.0, 1.0]);
        let mixed =
            ints(&[1, 1], [2]).scatter_add(0, &ints(&[0, 0], [2]), &Tensor::ones([2], DType::U8, &here())).unwrap();
        assert_eq!((mixed.dtype(), values(&mixed)), (DType::I64, vec![3.0, 1.0]));
    });
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    everywhere(|| {
        let x = range([3, 4]);
        let message = "gather: shapes [3, 4] and [4, 1]: the index is larger along axis 0";
        fails(x.gather(1, &ints(&[0; 4], [4, 1])), message);
        fails(x.gather(1, &ints(&[0], [1])), "gather: shapes [3, 4] and [1]: the index has rank 1, the tensor 2");
        fails(
            x.scatter_add(0, &ints(&[0], [1, 1]), &range([1, 2])),
            "scatter_add: shapes [1, 1] and [1, 2]: index and source differ",
        );
        assert!(matches!(x.gather(2, &ints(&[0], [1, 1])), Err(Error::Axis { .. })));
    });
}

#[test]
fn masks_triangles_and_one_hot() {
    everywhere(|| {
        let x = range([2, 3]);
        let mask = x.gt(3.0).unwrap();
        assert_eq!(values(&x.masked_fill(&mask, -1.0).unwrap()), [0.0, 1.0, 2.0, 3.0, -1.0, -1.0]);
        let column = Tensor::from_slice(&[true, false], [2, 1], &here()).unwrap();
        assert_eq!(values(&x.masked_fill(&column, 9).unwrap()), [9.0, 9.0, 9.0, 3.0, 4.0, 5.0]);
        assert_eq!(x.to_dtype(DType::I8).masked_fill(&mask, 7).unwrap().dtype(), DType::I8);
        assert_eq!(mask.masked_fill(&mask, false).unwrap().dtype(), DType::Bool);
        fails(x.masked_fill(&x, 0.0), "masked_fill: dtype float32: the mask must be bool");
        assert!(range([3]).masked_fill(&mask, 0.0).is_err());

        let x = range([3, 3]) + 1.0;
        assert_eq!(values(&x.tril(0).unwrap()), [1.0, 0.0, 0.0, 4.0, 5.0, 0.0, 7.0, 8.0, 9.0]);
        assert_eq!(values(&x.triu(1).unwrap()), [0.0, 2.0, 3.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0]);
        assert_eq!(values(&x.tril(-1).unwrap()), [0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 7.0, 8.0, 0.0]);
        let flags = Tensor::ones([2, 2, 3], DType::Bool, &here()).triu(0).unwrap();
        assert_eq!((flags.dtype(), values(&flags)[6..].to_vec()), (DType::Bool, vec![1.0, 1.0, 1.0, 0.0, 1.0, 1.0]));
        fails(range([3]).tril(0), "tril: shape [3]: a matrix has two axes");

        let hot = ints(&[1, 0, 1], [3]).one_hot(2).unwrap();
        assert_eq!((hot.shape().dims(), values(&hot)), (&[3, 2][..], vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0]));
        assert_eq!(ints(&[0], ()).one_hot(3).unwrap().shape(), &[3]);
        assert!(range([2]).one_hot(2).is_err());
    });
}

#[test]
fn gradients() {
    everywhere(|| {
        let x = precise([3, 4]);
        let index = ints(&[0, 2, 2, -3], [1, 4]);
        gradcheck(|x| Ok(x[0].gather(0, &index)?.square()), &[&x]).unwrap();
        let lines = ints(&[2, 0, 2, -1], [4]);
        gradcheck(|x| Ok(x[0].index_select(0, &lines)?.square()), &[&x]).unwrap();
        gradgradcheck(|x| Ok(x[0].index_select(0, &lines)?.square()), &[&x]).unwrap();
        let (base, src) = (precise([3, 4]), precise([1, 4]));
        gradcheck(|x| Ok(x[0].scatter_add(0, &index, &x[1])?.square()), &[&base, &src]).unwrap();
        gradgradcheck(|x| Ok(x[0].scatter_add(0, &index, &x[1])?.square()), &[&base, &src]).unwrap();
        gradcheck(|x| x[0].masked_fill(&x[0].detach().gt(3.5)?, 0.0), &[&x]).unwrap();
        gradcheck(|x| Ok(x[0].tril(0)?.square()), &[&x]).unwrap();
        gradcheck(|x| x[0].select(0, 1)?.mul(x[0].select(0, -1)?), &[&x]).unwrap();
    });
}
