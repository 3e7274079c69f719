-- Whose a custom type is: whoever announced it first, for as long as a registration of theirs announces it.
CREATE TABLE hub_type_owner (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (workspace, name)
);
