use bowline_extension::Extension;
use bowline_frame::{MaskKeys, Role};
use bowline_proto::{Config, Connection};

use crate::fill;

/// The end of a connection that has this role, with the extension that the opening handshake agreed on. A client's
/// masking keys come from the operating system.
pub fn connection(
    role: Role,
    config: &Config,
    extension: Option<Box<dyn Extension>>,
) -> Connection {
    match role {
        Role::Server => Connection::server(config, extension),
        Role::Client => Connection::client(MaskKeys::new(fill), config, extension),
    }
}
