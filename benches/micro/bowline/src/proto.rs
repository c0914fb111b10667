use bench_micro_harness::{Input, Wire};
use bowline_frame::Role;
use bowline_proto::{Config, EventRef, Inbound, Outbound};

use crate::frame::write;

/// The two halves of a connection, read into as the shells do: small messages lie in a block, large ones are assembled
/// in place.
pub(crate) fn echo(wire: Wire) -> Box<dyn FnMut()> {
    let Wire { mut input, output } = wire;
    let config = Config::new(Role::Server);
    let mut inbound = Inbound::new(Role::Server, &config, None);
    let mut outbound = Outbound::server(&config, None);
    let mut block = vec![0; 64 * 1024];
    Box::new(move || {
        while read(&mut input, &mut block, &mut inbound, &mut outbound).is_some() {}
        write(outbound.transmit(), &output);
    })
}

/// Echoes what one read gives; `None` if there is nothing to read.
fn read(
    input: &mut Input,
    block: &mut [u8],
    inbound: &mut Inbound,
    outbound: &mut Outbound,
) -> Option<()> {
    if let Some(buffer) = inbound.assembly() {
        let room = buffer.capacity() - buffer.len();
        buffer.extend_from_slice(input.take(room)?);
        if let Some(event) = inbound.handle_assembly().expect("frames") {
            answer(event, outbound);
        }
        return Some(());
    }
    let bytes = input.take(block.len())?;
    let mut unread = &mut block[..bytes.len()];
    unread.copy_from_slice(bytes);
    while let (used, Some(event)) = inbound.handle(unread).expect("frames") {
        answer(event, outbound);
        unread = &mut unread[used..];
    }
    Some(())
}

fn answer(event: EventRef<'_>, outbound: &mut Outbound) {
    match event {
        EventRef::Message(message) => outbound.send_ref(message).expect("open"),
        EventRef::Assembled(message) => outbound.send(message).expect("open"),
        other => panic!("{other:?} was not sent"),
    }
}
