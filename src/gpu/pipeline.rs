//! Compute pipelines, cached by the text of their kernel.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use wgpu::{BindGroupLayout, BindGroupLayoutEntry, BindingType, BufferBindingType, ShaderStages};

use super::{codegen::Shader, context::Context};
use crate::Result;

/// A pipeline and what launching it needs.
pub(super) struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub layout: Arc<Layout>,
    /// Whether parameters are immediates rather than a slice of the uniform ring.
    pub immediates: bool,
}

/// A bind group layout, shared by all kernels with the same kinds of bindings.
pub(super) struct Layout {
    pub id: u32,
    pub raw: BindGroupLayout,
}

/// A pipeline, or the lock for the thread that builds it.
type Built = Arc<Mutex<Option<Arc<Pipeline>>>>;

/// Every pipeline that was built.
pub(super) struct Pipelines {
    context: Arc<Context>,
    cache: Option<wgpu::PipelineCache>,
    file: Option<PathBuf>,
    by_source: Mutex<HashMap<String, Built>>,
    layouts: Mutex<HashMap<Vec<bool>, Arc<Layout>>>,
    pub params: BindGroupLayout,
    built: AtomicU64,
    saved: AtomicU64,
}

fn entry(binding: usize, ty: BufferBindingType, has_dynamic_offset: bool) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
        count: None,
    }
}

fn cache_file(info: &wgpu::AdapterInfo) -> Option<PathBuf> {
    let root = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("LOCALAPPDATA").or_else(|| std::env::var_os("HOME"))?;
        Some(PathBuf::from(home).join(".cache"))
    })?;
    Some(root.join("kiln").join(wgpu::util::pipeline_cache_key(info)?))
}

impl Pipelines {
    pub fn new(context: Arc<Context>) -> Result<Self> {
        let entries = [entry(0, BufferBindingType::Uniform, true)];
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: Some("parameters"), entries: &entries };
        let params = context.scoped(|| context.device.create_bind_group_layout(&descriptor))?;
        let supported = context.features.contains(wgpu::Features::PIPELINE_CACHE);
        let file = if supported { cache_file(&context.adapter) } else { None };
        let cache = match &file {
            None => None,
            Some(path) => {
                let data = fs::read(path).ok();
                // SAFETY: the file was written from `PipelineCache::get_data` under this adapter's key; wgpu checks
                // its header and falls back to an empty cache.
                let make = || unsafe {
                    context.device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                        label: None,
                        data: data.as_deref(),
                        fallback: true,
                    })
                };
                context.scoped(make).ok()
            }
        };
        Ok(Self {
            context,
            cache,
            file,
            by_source: Mutex::default(),
            layouts: Mutex::default(),
            params,
            built: AtomicU64::new(0),
            saved: AtomicU64::new(0),
        })
    }

    pub fn built(&self) -> u64 {
        self.built.load(Ordering::Relaxed)
    }

    fn layout(&self, writable: &[bool]) -> Result<Arc<Layout>> {
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = layouts.get(writable) {
            return Ok(layout.clone());
        }
        let storage =
            |(i, &writable): (usize, &bool)| entry(i, BufferBindingType::Storage { read_only: !writable }, false);
        let entries: Vec<_> = writable.iter().enumerate().map(storage).collect();
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
        let raw = self.context.scoped(|| self.context.device.create_bind_group_layout(&descriptor))?;
        let layout = Arc::new(Layout { id: layouts.len() as u32, raw });
        layouts.insert(writable.to_vec(), layout.clone());
        Ok(layout)
    }

    /// The pipeline of a kernel, built on its first use. Other threads build theirs meanwhile.
    pub fn get(&self, name: &str, shader: &Shader) -> Result<Arc<Pipeline>> {
        let known = {
            let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
            match by_source.get(&shader.source) {
                Some(known) => known.clone(),
                None => by_source.entry(shader.source.clone()).or_default().clone(),
            }
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = &*known {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(self.build(name, shader)?);
        self.built.fetch_add(1, Ordering::Relaxed);
        *known = Some(pipeline.clone());
        Ok(pipeline)
    }

    fn build(&self, name: &str, shader: &Shader) -> Result<Pipeline> {
        let layout = self.layout(&shader.writable)?;
        let context = &self.context;
        let params = (!shader.immediates).then_some(&self.params);
        let raw = context.scoped(|| {
            let groups = [Some(&layout.raw), params];
            let pipeline_layout = context.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: if shader.immediates { &groups[..1] } else { &groups },
                immediate_size: if shader.immediates { shader.words.len() as u32 * 4 } else { 0 },
            });
            let source = wgpu::ShaderSource::Wgsl(shader.source.as_str().into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source };
            // SAFETY: kernels guard their own accesses: every loop ends, every index is below the sizes passed at
            // launch, and integer division by zero is tested for.
            let module = unsafe {
                context.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            };
            context.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: self.cache.as_ref(),
            })
        });
        let raw = raw.inspect_err(|_| log::debug!("{}", shader.source))?;
        Ok(Pipeline { raw, layout, immediates: shader.immediates })
    }

    /// Writes new pipelines to the user's cache; without effect where that is not possible.
    pub fn save(&self) {
        let built = self.built();
        if self.saved.swap(built, Ordering::Relaxed) == built {
            return;
        }
        let (Some(cache), Some(file)) = (&self.cache, &self.file) else { return };
        let (Some(data), Some(folder)) = (cache.get_data(), file.parent()) else { return };
        let draft = file.with_extension(std::process::id().to_string());
        let written =
            fs::create_dir_all(folder).and_then(|()| fs::write(&draft, data)).and_then(|()| fs::rename(&draft, file));
        if let Err(error) = written {
            log::debug!("pipeline cache {}: {error}", file.display());
        }
    }
}
