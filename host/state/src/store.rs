//! The state of one gateway: which back end keeps it, and what each use of it wants.

use std::sync::Arc;

use crate::loss::{Forgetful, Lenient};
use crate::{File, Kv, KvLoss, Limiter, LimiterLoss, Memory, Redis};

/// How long state is needed. What is needed for a call only, such as concurrent slots, ends with it on every back end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// As long as the process lives.
    #[default]
    Process,
    /// Beyond it: a restart must not lose it.
    Durable,
}

/// The back end of a gateway's state.
#[derive(Clone)]
pub enum Store {
    /// This process.
    Memory(Arc<Memory>),
    /// A file of this machine.
    File(File),
    /// A Redis that several gateways share.
    Redis {
        /// What is shared.
        shared: Arc<Redis>,
        /// What counts while it cannot be reached.
        local: Arc<Memory>,
    },
}

impl Store {
    /// The limiter of a use.
    pub fn limiter(&self, loss: LimiterLoss) -> Arc<dyn Limiter> {
        match self {
            Self::Memory(memory) => Arc::<Memory>::clone(memory),
            Self::File(file) => Arc::new(file.clone()),
            Self::Redis { shared, .. } if loss == LimiterLoss::Refuse => Arc::<Redis>::clone(shared),
            Self::Redis { shared, local } => Arc::new(Lenient::new(Arc::clone(shared), Arc::clone(local), loss)),
        }
    }

    /// The keys and values of a use.
    pub fn kv(&self, keep: Keep, loss: KvLoss) -> Arc<dyn Kv> {
        match self {
            Self::Memory(memory) => Arc::<Memory>::clone(memory),
            Self::File(file) => Arc::new(file.keeping(keep)),
            Self::Redis { shared, .. } => match loss {
                KvLoss::Refuse => Arc::<Redis>::clone(shared),
                KvLoss::Empty => Arc::new(Forgetful::new(Arc::clone(shared))),
            },
        }
    }

    /// Sees to it that nothing is lost when the process ends now.
    pub async fn close(&self) {
        if let Self::File(file) = self
            && let Err(fault) = file.flush().await
        {
            tracing::error!("the last counts are not written down: {fault}");
        }
    }
}
