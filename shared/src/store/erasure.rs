//! Erasures: their receipts.

use super::{Store, key, row};
use crate::{
    Error,
    domain::{Erasure, ErasureId},
};

impl Store {
    pub async fn erasure_get(&self, tenant: &str, id: &ErasureId) -> Result<Option<Erasure>, Error> {
        self.get(key::erasure(tenant, id)).await?.map(row::read).transpose()
    }
}
