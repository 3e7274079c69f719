-- Who registered an extension, as principals are written: nobody's registrations take all the room of those that wait.
ALTER TABLE hub_extension ADD COLUMN registered_by TEXT NOT NULL DEFAULT '';
