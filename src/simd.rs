//! Work that is compiled once for each kind of CPU, with the widest instructions that it has; chosen when it runs.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::{Simd, WithSimd};

/// What the CPU can do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cpu {
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    V4(pulp::x86::V4),
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    V3(pulp::x86::V3),
    /// NEON and others that the program is compiled for.
    #[cfg(not(target_arch = "x86_64"))]
    Native(pulp::Arch),
    /// Whatever the compiler makes of arrays of four.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    Plain,
}

/// Something to compute. Whatever `run` calls must be `#[inline(always)]`.
pub(crate) trait Vectorized {
    /// What comes out.
    type Output;

    /// `FUSED`: the CPU multiplies and adds in one instruction (elsewhere that is a call of a slow function).
    fn run<S: Simd, const FUSED: bool>(self, simd: S) -> Self::Output;
}

struct Work<W, const FUSED: bool>(W);

impl<W: Vectorized, const FUSED: bool> WithSimd for Work<W, FUSED> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        self.0.run::<S, FUSED>(simd)
    }
}

impl Cpu {
    /// The best of this machine.
    pub(crate) fn detect() -> Self {
        Self::all().swap_remove(0)
    }

    /// All that this machine has, the best first.
    pub(crate) fn all() -> Vec<Self> {
        // Not `pulp::Arch`: without the feature `x86-v3`, which nothing else here needs, it knows no AVX2.
        #[cfg(target_arch = "x86_64")]
        let wide = [pulp::x86::V4::try_new().map(Self::V4), pulp::x86::V3::try_new().map(Self::V3)]
            .into_iter()
            .flatten();
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [Self::Native(pulp::Arch::new())].into_iter();
        wide.chain([Self::Plain]).collect()
    }

    /// Runs with the instructions of this CPU.
    pub(crate) fn run<W: Vectorized>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::V4(simd) => Simd::vectorize(simd, Work::<W, true>(work)),
            #[cfg(target_arch = "x86_64")]
            Self::V3(simd) => Simd::vectorize(simd, Work::<W, true>(work)),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Native(arch) => arch.dispatch(Work::<W, true>(work)),
            Self::Plain => Simd::vectorize(pulp::Scalar128b, Work::<W, false>(work)),
        }
    }
}
