//! Every difference between what a client speaks and what its server speaks, in one place. What is not named here
//! passes as it is: between two parties of one era a result keeps every byte.

use bytes::Bytes;
use cardea_chain::{Call, Client};
use cardea_message::meta::{self, MetaEdit};
use cardea_message::{
    Era, ErrorObject, ItemPath, Message, Method, Notification, Pointer, Response, Splice, Version, error, json,
};

use crate::wire::Outgoing;
