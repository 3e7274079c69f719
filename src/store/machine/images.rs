//! What images are by their names in a goal set (threat I5).

use async_trait::async_trait;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

use super::failure::Doing;
use super::writer::{Done, Write};
use crate::model::{FixedImage, GoalSetId};
use crate::ports::store::StoreError;

const READING: &str = "read the images of a goal set";

pub(super) async fn fixed(readers: &AnyPool, set: GoalSetId) -> Result<Vec<FixedImage>, StoreError> {
    let found = sqlx::query("SELECT * FROM fixed_images WHERE goal_set = $1 ORDER BY name")
        .bind(set.to_string())
        .fetch_all(readers)
        .await
        .doing(READING)?;
    found.iter().map(image).collect()
}

fn image(row: &AnyRow) -> Result<FixedImage, StoreError> {
    let read = |column| row.try_get::<String, _>(column).doing(READING);
    Ok(FixedImage {
        name: read("name")?,
        id: read("id")?,
        shown: read("shown")?,
    })
}

/// Fixes images; what is fixed stays.
pub(super) struct FixImages {
    pub(super) set: GoalSetId,
    pub(super) images: Vec<FixedImage>,
}

#[async_trait]
impl Write for FixImages {
    type Answer = Vec<FixedImage>;
    const DOING: &'static str = "fix the images of a goal set";

    async fn write(&self, connection: &mut AnyConnection) -> Result<Done<Vec<FixedImage>>, StoreError> {
        let mut fixed = Vec::new();
        for wanted in &self.images {
            // A set that was forgotten meanwhile has no images either.
            sqlx::query(
                "INSERT INTO fixed_images (goal_set, name, id, shown)
                 SELECT $1, $2, $3, $4 WHERE EXISTS (SELECT 1 FROM goal_sets WHERE id = $1)
                 ON CONFLICT DO NOTHING",
            )
            .bind(self.set.to_string())
            .bind(&wanted.name)
            .bind(&wanted.id)
            .bind(&wanted.shown)
            .execute(&mut *connection)
            .await
            .doing(Self::DOING)?;
            let found = sqlx::query("SELECT * FROM fixed_images WHERE goal_set = $1 AND name = $2")
                .bind(self.set.to_string())
                .bind(&wanted.name)
                .fetch_optional(&mut *connection)
                .await
                .doing(Self::DOING)?;
            fixed.push(
                found
                    .as_ref()
                    .map(image)
                    .transpose()?
                    .unwrap_or_else(|| wanted.clone()),
            );
        }
        Ok(Done::Quiet(fixed))
    }
}
