//! A small, fast neural-network engine for CPUs.
