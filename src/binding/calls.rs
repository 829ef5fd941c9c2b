//! The calls that every read and write makes, written by hand.
//!
//! What napi's macro makes of a method with a typed array checks and books more than such a call does itself: it took
//! several times as long. These functions take a connection by its id, so there is nothing to unwrap and no id that
//! could do harm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use napi::bindgen_prelude::{Env, JsObjectValue, Object};
use napi::{JsValue, Result, check_status, sys};

use super::{ReadResult, Shared, WriteResult, lock};
use crate::connection::{Accept, Connection, Read};
use crate::events::flag;
use crate::runtime;

/// Up to so many connections are flushed on the JavaScript thread. If more have something to send, it is the busy one.
const FLUSHED_HERE: usize = 2;

/// What comes in for up to so many connections with TLS at a time is decrypted on the JavaScript thread, for the same reason.
const DECRYPTED_HERE: usize = 2;

/// An object with the calls as its methods. They may be called until the environment's clean-up hooks run, for which
/// `shared` has to live.
pub fn object<'env>(env: &'env Env, shared: &Arc<Shared>) -> Result<Object<'env>> {
    let mut object = Object::new(env)?;
    for (name, call) in [
        (c"drain", drain as Call),
        (c"flush", flush),
        (c"read", read),
        (c"readable", readable),
        (c"write", write),
    ] {
        let mut function = ptr::null_mut();
        // SAFETY: the name is terminated, the place for the result outlives the call, and the data is alive whenever the
        // function is called, as the caller of this one has it.
        check_status!(unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(call),
                Arc::as_ptr(shared).cast_mut().cast(),
                &mut function,
            )
        })?;
        // SAFETY: both are values of this environment, in a scope that the caller has open.
        check_status!(unsafe { sys::napi_set_named_property(env.raw(), object.raw(), name.as_ptr(), function) })?;
    }
    object.freeze()?;
    Ok(object)
}

type Call = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// `drain(events)`: fills `events` with pairs of a connection's id and its event flags, which may be none; returns how many pairs. When it is
/// filled to the last pair there may be more.
unsafe extern "C" fn drain(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: napi calls this with what belongs to the call.
    unsafe {
        answer(env, info, |shared, [mut events]: [Argument; 1]| {
            let (pairs, _) = events.words()?.as_chunks_mut::<2>();
            let told = take_from_watch(shared, pairs);
            let pairs = &mut pairs[told..];
            let connections = shared.queue.take(pairs.len());
            for (pair, connection) in pairs.iter_mut().zip(&connections) {
                *pair = [connection.id(), connection.take_events()];
            }
            Some((told + connections.len()) as f64)
        })
    }
}

/// Fills `pairs` with what waiting reads are to be told by the environment's watch; returns how many.
fn take_from_watch(shared: &Shared, pairs: &mut [[u32; 2]]) -> usize {
    let mut told = 0;
    let mut decrypting = 0;
    let mut drivers = Vec::new();
    let Some(watch) = shared.queue.watch() else { return 0 };
    watch.take(|news| {
        // What is told late of a connection that is gone concerns nobody.
        let Some(connection) = shared.connection(news.id) else {
            return;
        };
        connection.note(news);
        if connection.reader_decrypts() {
            decrypting += 1;
            if decrypting > DECRYPTED_HERE {
                drivers.extend(connection.hand_over_reading());
                return;
            }
        }
        match pairs.get_mut(told) {
            Some(pair) if connection.take_waiting_read() => {
                *pair = [news.id, flag::READABLE];
                told += 1;
            }
            Some(_) => {}
            None => connection.tell_reader(),
        }
    });
    runtime::wake_all(drivers);
    told
}

/// `write(id, bytes)`: copies the bytes of a write and asks for it at once; a `flush()` has to follow. Returns a
/// `WriteResult`, but for one that has to wait the position after its last byte.
unsafe extern "C" fn write(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `drain`.
    unsafe {
        answer(env, info, |shared, [id, mut bytes]: [Argument; 2]| {
            let connection = shared.connection(id.number()?)?;
            let write = connection.write(bytes.bytes()?);
            let result = match write.accept {
                Accept::Yes => WriteResult::Accepted as i32 as f64,
                Accept::Failed => WriteResult::Failed as i32 as f64,
                Accept::NotYet => write.position as f64,
            };
            if write.flush {
                lock(&shared.unflushed).push(connection);
            }
            Some(result)
        })
    }
}

/// `flush()`: sends what was written since the last call.
unsafe extern "C" fn flush(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `drain`.
    unsafe {
        answer(env, info, |shared, []: [Argument; 0]| {
            let mut unflushed = lock(&shared.unflushed);
            if unflushed.len() <= FLUSHED_HERE {
                unflushed.drain(..).for_each(|connection| connection.flush());
            } else {
                let drivers: Vec<_> = unflushed
                    .drain(..)
                    .filter_map(|connection| connection.hand_over())
                    .collect();
                runtime::wake_all(drivers);
            }
            Some(0.0)
        })
    }
}

/// `read(id, target, limit)`: moves received bytes into `target`, `limit` at most; returns how many, or a `ReadResult`.
unsafe extern "C" fn read(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `drain`.
    unsafe {
        answer(env, info, |shared, [id, mut target, limit]: [Argument; 3]| {
            let connection = shared.connection(id.number()?)?;
            let target = target.bytes()?;
            let limit = target.len().min(limit.number()? as usize);
            Some(match connection.read(&mut target[..limit]) {
                Read::Bytes(count) => count as f64,
                Read::Pending => ReadResult::Pending as i32 as f64,
                Read::End => ReadResult::End as i32 as f64,
                Read::Failed => ReadResult::Failed as i32 as f64,
            })
        })
    }
}

/// `readable(id)`: how many bytes a read would find, as far as that is known.
unsafe extern "C" fn readable(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as in `drain`.
    unsafe {
        answer(env, info, |shared, [id]: [Argument; 1]| {
            Some(shared.connection(id.number()?)?.readable() as f64)
        })
    }
}

/// Runs the body of a call. Where it has none for its arguments, or panics, the call throws.
///
/// # Safety
///
/// To be called from a function of [`object`] with its own parameters.
unsafe fn answer<const COUNT: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Shared, [Argument; COUNT]) -> Option<f64>,
) -> sys::napi_value {
    let mut values = [ptr::null_mut(); COUNT];
    let (mut count, mut data) = (COUNT, ptr::null_mut());
    // SAFETY: there is room for `count` values; the places outlive the call. Missing arguments are filled in.
    let status =
        unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), &mut data) };
    let shared = NonNull::new(data.cast::<Shared>());
    let result = match shared {
        Some(shared) if status == sys::Status::napi_ok => {
            // SAFETY: `object` gave this pointer, and what it points at is alive.
            let shared = unsafe { shared.as_ref() };
            let arguments = values.map(|value| Argument { env, value });
            catch_unwind(AssertUnwindSafe(|| body(shared, arguments)))
                .ok()
                .flatten()
        }
        _ => None,
    };
    let mut value = ptr::null_mut();
    // SAFETY: the text is terminated, and the place for the result outlives the call.
    unsafe {
        match result {
            Some(number) => sys::napi_create_double(env, number, &mut value),
            None => sys::napi_throw_type_error(env, ptr::null(), c"not what this call takes".as_ptr()),
        };
    }
    value
}

/// An argument of the call that runs.
struct Argument {
    env: sys::napi_env,
    value: sys::napi_value,
}

impl Argument {
    fn number(&self) -> Option<u32> {
        let mut number = 0;
        // SAFETY: the value belongs to the call that runs, and the place for the result outlives this one.
        let status = unsafe { sys::napi_get_value_uint32(self.env, self.value, &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// The bytes of a Uint8Array.
    fn bytes(&mut self) -> Option<&mut [u8]> {
        self.elements(sys::TypedarrayType::uint8_array)
    }

    /// The numbers of a Uint32Array.
    fn words(&mut self) -> Option<&mut [u32]> {
        self.elements(sys::TypedarrayType::uint32_array)
    }

    /// `kind` has to be that of an array of `T`.
    fn elements<T>(&mut self, kind: sys::napi_typedarray_type) -> Option<&mut [T]> {
        let (mut found, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: as in `number`; the results that are not asked for may be null.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                self.value,
                &mut found,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || found != kind {
            return None;
        }
        match NonNull::new(data.cast::<T>()) {
            // SAFETY: `length` elements begin there, aligned as JavaScript aligns them. The JavaScript side passes memory
            // that no other thread shares, and each call takes one array; no JavaScript runs before the call returns, and
            // the slice does not outlive the argument, which `answer` makes for the body alone.
            Some(data) => Some(unsafe { std::slice::from_raw_parts_mut(data.as_ptr(), length) }),
            None => Some(&mut []),
        }
    }
}

impl Shared {
    fn connection(&self, id: u32) -> Option<Arc<Connection>> {
        lock(&self.connections).get(&id).cloned()
    }
}
