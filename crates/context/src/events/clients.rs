//! Clients, other modules, the server's configuration.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::{Fired, Sealed, ServerEvent, text};
use crate::api::required;
use crate::client::may_be_connection;
use crate::context::{CommandContext, Context};

bitflags::bitflags! {
    /// What the server says about a client.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct ClientFlags: u64 {
        /// Its connection is encrypted.
        const TLS = 1;
        /// It is subscribed to channels.
        const PUBSUB = 1 << 1;
        /// It is blocked.
        const BLOCKED = 1 << 2;
        /// It tracks keys.
        const TRACKING = 1 << 3;
        /// It is connected by a Unix socket.
        const UNIX_SOCKET = 1 << 4;
        /// It is inside MULTI.
        const MULTI = 1 << 5;
        /// Flags newer than this crate are kept.
        const _ = !0;
    }
}

/// A client connected or disconnected.
pub struct ClientChange;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientInfo<'e> {
    /// The server's number for it.
    pub id: u64,
    /// What the server says about it.
    pub flags: ClientFlags,
    /// Its IP address in text form. For a Unix socket empty or `/unixsocket`, and `?` if it is gone.
    pub address: &'e [u8],
    /// Its TCP port.
    pub port: u16,
    /// The database it has selected.
    pub db: u16,
}

/// What happened to the client. The payload is `None` if it is of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientChangeEvent<'e> {
    /// It is connected.
    Connected(Option<ClientInfo<'e>>),
    /// It is about to be freed.
    Disconnected(Option<ClientInfo<'e>>),
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

impl Sealed for ClientChange {}
impl ServerEvent for ClientChange {
    type Payload<'e> = ClientChangeEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_CLIENT_CHANGE;
    const NAME: &'static str = "the ClientChange event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> ClientChangeEvent<'e> {
        // SAFETY: R22: version 1 of this event's data.
        let info = unsafe { fired.version_1::<raw::RedisModuleClientInfo>() }.map(client_info);
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_CLIENT_CHANGE_CONNECTED => ClientChangeEvent::Connected(info),
            raw::REDISMODULE_SUBEVENT_CLIENT_CHANGE_DISCONNECTED => ClientChangeEvent::Disconnected(info),
            other => ClientChangeEvent::Unknown(other),
        }
    }
}

impl Context<'_> {
    /// Lets `look` see a client, by its id. `None` if there is no connection of that id.
    pub fn client_info_of<R>(&self, id: u64, look: impl FnOnce(ClientInfo<'_>) -> R) -> Option<R> {
        if !may_be_connection(self, id) {
            return None;
        }
        let get = required!(RedisModule_GetClientInfoById);
        // SAFETY: R22: plain numbers and an array of them, for which zero is a value.
        let mut data: raw::RedisModuleClientInfo = unsafe { std::mem::zeroed() };
        data.version = 1;
        // SAFETY: R33: the server fills version 1 of the structure, and nothing if there is no such client.
        let status = unsafe { get((&raw mut data).cast(), id) };
        (status == raw::REDISMODULE_OK as c_int).then(|| look(client_info(&data)))
    }
}

impl CommandContext<'_> {
    /// Lets `look` see the connection's client. `None` for what has no connection of its own: scripts, other
    /// modules' calls, the AOF.
    pub fn client_info<R>(&self, look: impl FnOnce(ClientInfo<'_>) -> R) -> Option<R> {
        self.client_info_of(self.client_id(), look)
    }
}

fn client_info(data: &raw::RedisModuleClientInfo) -> ClientInfo<'_> {
    // SAFETY: R22: an array of bytes, signed in C.
    let address = unsafe { std::slice::from_raw_parts(data.addr.as_ptr().cast(), data.addr.len()) };
    ClientInfo {
        id: data.id,
        flags: ClientFlags::from_bits_retain(data.flags),
        address: CStr::from_bytes_until_nul(address).map_or(address, CStr::to_bytes),
        port: data.port,
        db: data.db,
    }
}

/// Another module was loaded or unloaded.
pub struct ModuleChange;

/// What happened to which module: its name and version, `None` if the payload is of a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleChangeEvent<'e> {
    /// It was loaded.
    Loaded(Option<(&'e [u8], i32)>),
    /// It was unloaded.
    Unloaded(Option<(&'e [u8], i32)>),
    /// A sub-event this crate has no name for.
    Unknown(u64),
}

impl Sealed for ModuleChange {}
impl ServerEvent for ModuleChange {
    type Payload<'e> = ModuleChangeEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_MODULE_CHANGE;
    const NAME: &'static str = "the ModuleChange event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> ModuleChangeEvent<'e> {
        // SAFETY: R22: version 1 of this event's data, and the name it points to.
        let module = unsafe {
            fired
                .version_1::<raw::RedisModuleModuleChange>()
                .and_then(|data| Some((text(data.module_name)?, data.module_version)))
        };
        match fired.sub {
            raw::REDISMODULE_SUBEVENT_MODULE_LOADED => ModuleChangeEvent::Loaded(module),
            raw::REDISMODULE_SUBEVENT_MODULE_UNLOADED => ModuleChangeEvent::Unloaded(module),
            other => ModuleChangeEvent::Unknown(other),
        }
    }
}

/// CONFIG SET has changed settings.
pub struct Config;

/// Which settings changed.
pub struct ConfigEvent<'e> {
    names: &'e [*const std::ffi::c_char],
}

impl<'e> ConfigEvent<'e> {
    /// The names of the settings, as CONFIG GET knows them. Empty if the payload is of a newer version.
    pub fn names(&self) -> impl Iterator<Item = &'e [u8]> {
        // SAFETY: R22: the server's own texts, which it keeps for the callback.
        self.names.iter().filter_map(|name| unsafe { text(*name) })
    }
}

impl Sealed for Config {}
impl ServerEvent for Config {
    type Payload<'e> = ConfigEvent<'e>;
    const ID: u64 = raw::REDISMODULE_EVENT_CONFIG;
    const NAME: &'static str = "the Config event";

    unsafe fn payload<'e>(_ctx: &'e Context<'_>, fired: &'e Fired) -> ConfigEvent<'e> {
        let none = ConfigEvent { names: &[] };
        if fired.data.is_null() {
            return none;
        }
        // SAFETY: R22: the version comes first. The server leaves it 0 here (config.c), in version 1's shape.
        let version = unsafe { *fired.data.cast::<u64>() };
        if version > 1 || fired.sub != raw::REDISMODULE_SUBEVENT_CONFIG_CHANGE {
            return none;
        }
        // SAFETY: R22: version 1 of this event's data.
        let data = unsafe { &*fired.data.cast::<raw::RedisModuleConfigChange>() };
        if data.config_names.is_null() {
            return none;
        }
        // SAFETY: R22: `num_changes` names, which the server keeps for the callback.
        let names = unsafe { std::slice::from_raw_parts(data.config_names, data.num_changes as usize) };
        ConfigEvent { names }
    }
}
