-- Names and numbers of repositories are each forge's own: what is kept of places says its forge. Where webhooks have told of one forge
-- alone, all of it is there. Where they have told of several, it stays as it is: an allowance that says no forge gives nothing then,
-- and a denial keeps back all.
UPDATE hub_grant
    SET selector = 'repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/' || substr(selector, 6)
    WHERE selector LIKE 'repo:%' AND (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_delivery
    SET resource = 'repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/' || substr(resource, 6)
    WHERE resource LIKE 'repo:%' AND (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_key
    SET repositories = replace(repositories, '"repo:', '"repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/')
    WHERE repositories <> '[]' AND (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_handle
    SET resources = replace(resources, '"repo:', '"repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/')
    WHERE (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_handed_token
    SET limits = replace(limits, '"repo:', '"repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/')
    WHERE (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_node
    SET body = replace(body, '"saidOf":"repo:', '"saidOf":"repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/')
    WHERE kind IN ('SdmGoal', 'SdmGoalSet', 'SdmVersion')
        AND (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
UPDATE hub_node_version
    SET body = replace(body, '"saidOf":"repo:', '"saidOf":"repo:' || (SELECT MIN(id) FROM hub_node WHERE kind = 'SCMProvider') || '/')
    WHERE kind IN ('SdmGoal', 'SdmGoalSet', 'SdmVersion')
        AND (SELECT COUNT(DISTINCT id) FROM hub_node WHERE kind = 'SCMProvider') = 1;
