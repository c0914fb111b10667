use std::fmt;

/// What stands under a connector and an acceptor: here, what it encrypts with.
pub trait Carrier: 'static {
    /// What a client encrypts with: which authorities it trusts, which certificate it shows. [`NoTls`] if it can't.
    type ClientTls: Clone + fmt::Debug + Send + Sync + 'static;
    /// What a server encrypts with: its certificate and key. [`NoTls`] if it can't.
    type ServerTls: Clone + fmt::Debug + Send + Sync + 'static;
}

/// What a [`Carrier`] encrypts with that doesn't encrypt. There is no value of it.
#[derive(Clone, Debug)]
pub enum NoTls {}
