-- +goose Up
-- Which topics a subject describes, and which part of their records: '#value',
-- '#key', or '<full name>' of one type of several. A subject says it by its name
-- (TopicNameStrategy, TopicRecordNameStrategy), or it is declared in its settings.
CREATE INDEX schemas_subject_topic ON schemas_subject (regexp_replace(name, '-[^-]*$', '')) WHERE context = '.';
CREATE INDEX schemas_config_topics ON schemas_config (subject_id) WHERE settings ? 'topics';

CREATE VIEW schemas_topic AS
    SELECT s.id AS subject_id, s.name AS subject, regexp_replace(s.name, '-[^-]*$', '') AS topic,
           CASE WHEN s.name ~ '-(key|value)$' THEN '#' || substring(s.name FROM '[^-]*$')
                ELSE '<' || substring(s.name FROM '[^-]*$') || '>' END AS part
      FROM schemas_subject s
     WHERE s.context = '.' AND s.name ~ '.-(value|key|[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)+)$'
     UNION ALL
    SELECT s.id, s.name, declared.parts[1], declared.parts[2]
      FROM schemas_config g
      JOIN schemas_subject s ON s.id = g.subject_id
     CROSS JOIN LATERAL jsonb_array_elements_text(g.settings -> 'topics') AS topic (name)
     CROSS JOIN LATERAL regexp_match(topic.name, '^([^#<]+)(.*)$') AS declared (parts)
     WHERE g.settings ? 'topics';

GRANT SELECT ON schemas_topic TO lethe_app;
