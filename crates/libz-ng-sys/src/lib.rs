//! The part of zlib's C interface that `flate2` calls, forwarded to a zlib in Rust.
//!
//! Pingora asks `flate2` for its `zlib-ng` backend, whose real `-sys` crate needs cmake. This
//! crate has its name and version, so that Cargo takes it instead (`[patch.crates-io]`).
//!
//! Invariant: [`z_stream`] has the layout of `libz_rs_sys::z_stream`. The one difference is that
//! the allocator functions are not optional here, as in the C header; an `Option` of a function
//! pointer has the same layout as the pointer, and `flate2` always sets both.

#![allow(non_camel_case_types, non_snake_case, reason = "zlib's names")]
#![allow(clippy::too_many_arguments, reason = "zlib's signatures")]
#![allow(clippy::missing_safety_doc, reason = "zlib's contract: a valid, initialised stream")]

use std::ffi::{c_char, c_int, c_uchar, c_uint, c_ulong, c_void};

pub use libz_rs_sys::{
    Z_BLOCK, Z_BUF_ERROR, Z_DATA_ERROR, Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_FULL_FLUSH,
    Z_MEM_ERROR, Z_NEED_DICT, Z_NO_FLUSH, Z_OK, Z_PARTIAL_FLUSH, Z_STREAM_END, Z_STREAM_ERROR,
    Z_SYNC_FLUSH,
};

pub type uInt = c_uint;
pub type uLong = c_ulong;
pub type voidpf = *mut c_void;
pub type alloc_func = unsafe extern "C" fn(voidpf, uInt, uInt) -> voidpf;
pub type free_func = unsafe extern "C" fn(voidpf, voidpf);

/// Opaque to callers.
pub enum internal_state {}

/// The stream that every call below works on.
#[repr(C)]
pub struct z_stream {
    pub next_in: *mut c_uchar,
    pub avail_in: uInt,
    pub total_in: uLong,
    pub next_out: *mut c_uchar,
    pub avail_out: uInt,
    pub total_out: uLong,
    pub msg: *mut c_char,
    pub state: *mut internal_state,
    pub zalloc: alloc_func,
    pub zfree: free_func,
    pub opaque: voidpf,
    pub data_type: c_int,
    pub adler: uLong,
    pub reserved: uLong,
}

const _: () = assert!(size_of::<z_stream>() == size_of::<libz_rs_sys::z_stream>());

macro_rules! forward {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {$(
        pub unsafe fn $name(stream: *mut z_stream $(, $arg: $ty)*) -> c_int {
            // SAFETY: the layouts agree (see the crate's invariant); the caller keeps zlib's contract.
            unsafe { libz_rs_sys::$name(stream.cast() $(, $arg)*) }
        }
    )*};
}

forward! {
    deflate(flush: c_int);
    deflateEnd();
    deflateReset();
    deflateParams(level: c_int, strategy: c_int);
    deflateSetDictionary(dictionary: *const c_uchar, length: uInt);
    deflateInit2_(level: c_int, method: c_int, window_bits: c_int, mem_level: c_int, strategy: c_int, version: *const c_char, stream_size: c_int);
    inflate(flush: c_int);
    inflateEnd();
    inflateReset();
    inflateReset2(window_bits: c_int);
    inflateSetDictionary(dictionary: *const c_uchar, length: uInt);
    inflateInit2_(window_bits: c_int, version: *const c_char, stream_size: c_int);
}

/// The version string that `*Init2_` compares with.
pub fn zlibVersion() -> *const c_char {
    libz_rs_sys::zlibVersion()
}

#[cfg(test)]
mod tests;
