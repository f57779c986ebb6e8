//! What an operator may do through the admin listener, and see of generations.

use std::sync::{Arc, Weak};

use cardea_admin::{Operator, Ran};
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::gateway::Gateway;
use crate::reload::{Promise, Run, Source};
use crate::shadows;

/// The operator's hand on a gateway. It holds the gateway weakly: looking at it does not keep it alive.
pub(crate) fn of(gateway: &Arc<Gateway>) -> Arc<dyn Operator> {
    Arc::new(OnGateway(Arc::downgrade(gateway)))
}

struct OnGateway(Weak<Gateway>);

impl Operator for OnGateway {
    fn generations(&self) -> Value {
        self.0.upgrade().map_or(Value::Null, |gateway| gateway.history.to_json())
    }

    fn shadows(&self) -> Value {
        self.0.upgrade().map_or(Value::Null, |gateway| shadows::report(&gateway.built()))
    }

    fn reload(&self) -> Ran {
        self.asked(|gateway| gateway.inbox.reload(Source::Admin))
    }

    fn roll_back(&self) -> Ran {
        self.asked(|gateway| gateway.inbox.roll_back())
    }
}

impl OnGateway {
    fn asked(&self, ask: impl FnOnce(&Gateway) -> Promise) -> Ran {
        let Some(gateway) = self.0.upgrade() else { return Ran { id: 0, ended: stopped() } };
        let Promise { id, ended } = ask(&gateway);
        Ran { id, ended: Box::pin(async move { ended.await.ok().as_ref().map(Run::to_json) }) }
    }
}

fn stopped() -> BoxFuture<'static, Option<Value>> {
    Box::pin(std::future::ready(None))
}
