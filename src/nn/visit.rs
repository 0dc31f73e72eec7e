//! Traversing the parts of a module.

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Module, trace};
use crate::{DType, Device, Error, Param, Result, Shape, Tensor, is_recomputing};

/// What a module is made of in the end.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Part<'a> {
    /// A tensor that training changes.
    Param(&'a Param),
    /// A tensor that belongs to the state but has no gradient.
    Buffer(&'a Buffer),
    /// A switch between training and evaluation.
    Training(&'a Training),
}

/// A visitor of the parts of a module; keeps the path that makes up their names.
pub struct Visit<'a> {
    path: String,
    on_part: &'a mut dyn FnMut(&str, Part<'_>),
    modules: Option<&'a mut VisitModule<'a>>,
}

/// Gets the path of a module, where it lies in memory, and the name of its type.
type VisitModule<'a> = dyn FnMut(&str, usize, &'static str) + 'a;

impl<'a> Visit<'a> {
    pub(super) fn new(on_part: &'a mut dyn FnMut(&str, Part<'_>)) -> Self {
        Self { path: String::new(), on_part, modules: None }
    }

    /// A visitor that also gets the modules.
    pub(super) fn with_modules(on_part: &'a mut dyn FnMut(&str, Part<'_>), modules: &'a mut VisitModule<'a>) -> Self {
        Self { path: String::new(), on_part, modules: Some(modules) }
    }

    /// Visits a field, under its name.
    pub fn field(&mut self, name: &str, module: &(impl Module + ?Sized)) {
        let len = self.path.len();
        if len > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        if let Some(modules) = &mut self.modules {
            let (address, kind) = module.place();
            modules(&self.path, address, kind);
        }
        module.visit(self);
        self.path.truncate(len);
    }

    fn part(&mut self, part: Part<'_>) {
        (self.on_part)(&self.path, part);
    }
}

/// A tensor that belongs to a module's state but is not trained, such as a running mean. Clones are the same buffer.
#[derive(Clone)]
pub struct Buffer(Arc<RwLock<Tensor>>);

impl Buffer {
    /// A buffer with this value.
    pub fn new(value: Tensor) -> Self {
        Self(Arc::new(RwLock::new(value.detach())))
    }

    /// The value.
    pub fn tensor(&self) -> Tensor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Assigns a value; in the second run of a [checkpoint](crate::checkpoint) the first one has done so already.
    ///
    /// # Errors
    /// If the shape or the dtype differs.
    pub fn set(&self, value: &Tensor) -> Result<()> {
        let old = self.tensor();
        if value.shape() != old.shape() {
            return Err(Error::shapes("buffer", old.shape(), value.shape(), "a buffer keeps its shape"));
        }
        if value.dtype() != old.dtype() {
            return Err(Error::dtype("buffer", value.dtype(), format!("the buffer holds {}", old.dtype())));
        }
        if !is_recomputing() {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = value.detach();
        }
        Ok(())
    }

    /// Gives the value another dtype.
    pub(super) fn convert(&self, dtype: DType) {
        let value = self.tensor().to_dtype(dtype);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

/// Whether a layer is being trained; true at first. [`Module::set_training`] sets every one in a module.
pub struct Training(AtomicBool);

impl Training {
    /// The state.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the state.
    pub fn set(&self, training: bool) {
        self.0.store(training, Ordering::Relaxed);
    }
}

impl Default for Training {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Clone for Training {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.get()))
    }
}

macro_rules! parts {
    ($($part:ident),*) => {$(
        impl Module for $part {
            fn visit(&self, visit: &mut Visit<'_>) {
                visit.part(Part::$part(self));
            }
        }
    )*};
}
parts!(Param, Buffer, Training);

/// Plain data has no parts.
macro_rules! plain {
    ($($t:ty),*) => {$(
        impl Module for $t {
            fn visit(&self, _: &mut Visit<'_>) {}
        }
    )*};
}
plain!((), bool, char, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64, String, str, DType, Shape, Device);

impl<T: ?Sized> Module for PhantomData<T> {
    fn visit(&self, _: &mut Visit<'_>) {}
}

macro_rules! transparent {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<$($generics)*> Module for $t {
            fn visit(&self, visit: &mut Visit<'_>) {
                (**self).visit(visit);
            }

            fn place(&self) -> (usize, &'static str) {
                (**self).place()
            }
        }
    )*};
}
transparent! {
    [M: Module + ?Sized] &M;
    [M: Module + ?Sized] Box<M>;
    [M: Module + ?Sized] Arc<M>;
}

impl<M: Module> Module for Vec<M> {
    fn visit(&self, visit: &mut Visit<'_>) {
        self[..].visit(visit);
    }
}

impl<M: Module> Module for Option<M> {
    fn visit(&self, visit: &mut Visit<'_>) {
        if let Some(module) = self {
            module.visit(visit);
        }
    }

    fn place(&self) -> (usize, &'static str) {
        self.as_ref().map_or_else(|| trace::place(self), M::place)
    }
}

impl<M: Module> Module for [M] {
    fn visit(&self, visit: &mut Visit<'_>) {
        for (i, module) in self.iter().enumerate() {
            visit.field(&i.to_string(), module);
        }
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn visit(&self, visit: &mut Visit<'_>) {
        self[..].visit(visit);
    }
}

impl<M: Module> Module for BTreeMap<String, M> {
    fn visit(&self, visit: &mut Visit<'_>) {
        self.iter().for_each(|(name, module)| visit.field(name, module));
    }
}

impl<M: Module, S> Module for HashMap<String, M, S> {
    /// In the order of the names, so that every run sees the same.
    fn visit(&self, visit: &mut Visit<'_>) {
        self.iter().collect::<BTreeMap<_, _>>().into_iter().for_each(|(name, module)| visit.field(name, module));
    }
}

macro_rules! tuples {
    ($(($($m:ident $at:tt),*);)*) => {$(
        impl<$($m: Module),*> Module for ($($m,)*) {
            fn visit(&self, visit: &mut Visit<'_>) {
                $(visit.field(stringify!($at), &self.$at);)*
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6);
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
}
