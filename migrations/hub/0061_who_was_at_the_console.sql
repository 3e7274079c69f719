-- Who changed what is kept without saying who, keys and people, beside the hub: for the audit log of every hub that notices it later.
CREATE TABLE hub_console_deed (
    operation TEXT NOT NULL,
    said TEXT NOT NULL,
    who TEXT NOT NULL,
    done BIGINT NOT NULL,
    PRIMARY KEY (operation, said)
);
