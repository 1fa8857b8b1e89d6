import type { Text } from '../en';
import { plural } from './plural';

type Part = Pick<Text, 'services' | 'catalog'>;

/** Dienste und der Katalog. */
export const data: Part = {
  services: {
    title: 'Dienste',
    lead: 'Wer Daten hat und danach gefragt werden kann.',
    columns: { service: 'Dienst', owner: 'Zuständig', state: 'Stand', health: 'Zustellung', finds: 'Findet Personen nach', findings: 'Befunde' },
    state: { DECLARED: 'Noch nicht geprüft', ACTIVE: 'Kann gefragt werden', DISABLED: 'Abgeschaltet' },
    health: { ok: 'In Ordnung', failing: (n) => `${plural(n, 'Fehler', 'Fehler')} nacheinander`, open: (when) => `in Ruhe gelassen bis ${when}`, never: 'Noch nichts gesendet' },
    noOwner: 'Niemand',
    noEndpoint: 'kein Endpunkt',
    challenge: 'Prüfen',
    challengeWhy: (n) => `${n} seinen Schlüssel nachweisen lassen`,
    stop: 'Anhalten',
    stopWhy: (n) => `Nachrichten an ${n} anhalten`,
    stopped: 'Angehalten',
    none: 'Es ist noch kein Dienst eingetragen',
    noneWhy: 'Ein Dienst wird mit dem Katalog eingetragen.',
    cli: 'lethe catalog import catalog.yaml',
  },
  catalog: {
    title: 'Katalog',
    lead: 'Datensätze, wer für sie zuständig ist, und welche personenbezogenen Daten sie enthalten.',
    columns: { dataset: 'Datensatz', kind: 'Form', owner: 'Zuständig', service: 'Dienst', tags: 'Personenbezogene Daten', kept: 'Aufbewahrt' },
    filter: 'Nur mit personenbezogenen Daten',
    copy: 'Kopie',
    noTags: 'keine bekannt',
    more: (n) => `${n} weitere`,
    none: 'Der Katalog ist leer',
    noneWhy: 'Er wird aus YAML gefüllt.',
    cli: 'lethe catalog import catalog.yaml',
    kept: (name) => name,
  },
};
