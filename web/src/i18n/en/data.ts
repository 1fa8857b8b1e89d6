import { plural } from './plural';

/** Services and the catalog. */
export const data = {
  services: {
    title: 'Services',
    lead: 'Whoever keeps data, and can be asked about it.',
    columns: { service: 'Service', owner: 'Owner', state: 'State', health: 'Deliveries', finds: 'Finds people by', findings: 'Findings' },
    state: { DECLARED: 'Not yet challenged', ACTIVE: 'Can be asked', DISABLED: 'Disabled' },
    health: { ok: 'Fine', failing: (n: number) => `${plural(n, 'failure', 'failures')} in a row`, open: (when: string) => `left alone until ${when}`, never: 'Nothing sent yet' },
    noOwner: 'Nobody',
    noEndpoint: 'no endpoint',
    challenge: 'Challenge',
    challengeWhy: (n: string) => `Ask ${n} to prove its key`,
    stop: 'Stop',
    stopWhy: (n: string) => `Stop messages to ${n}`,
    stopped: 'Stopped',
    none: 'No service is registered yet',
    noneWhy: 'A service is registered with the catalog.',
    cli: 'lethe catalog import catalog.yaml',
  },
  catalog: {
    title: 'Catalog',
    lead: 'Datasets, who answers for them, and the personal data they hold.',
    columns: { dataset: 'Dataset', kind: 'Kind', owner: 'Owner', service: 'Service', tags: 'Personal data', kept: 'Kept' },
    filter: 'Only with personal data',
    copy: 'copy',
    noTags: 'none known',
    more: (n: number) => `${n} more`,
    none: 'The catalog is empty',
    noneWhy: 'It is filled from YAML.',
    cli: 'lethe catalog import catalog.yaml',
    kept: (name: string) => name,
  },
};
