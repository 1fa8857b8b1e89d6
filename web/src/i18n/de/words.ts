import type { Text } from '../en';
import { plural } from './plural';

type Part = Pick<Text, 'type' | 'typeLong' | 'state' | 'outcome' | 'blocked' | 'decide' | 'waiting' | 'alert' | 'refusal' | 'extension' | 'pause' | 'identity' | 'channel' | 'ground' | 'due'>;

const days = (n: number) => plural(n, 'Tag', 'Tage');

/** Wörter des Fachs: wie ein Antrag, seine Zustände und seine Gründe heißen. */
export const words: Part = {
  type: { ERASURE: 'Löschung', ACCESS: 'Auskunft', PORTABILITY: 'Datenübertragung' },
  typeLong: {
    ERASURE: 'Löschung (Art. 17): vergessen werden',
    ACCESS: 'Auskunft (Art. 15): eine Kopie von allem',
    PORTABILITY: 'Datenübertragbarkeit (Art. 20): eine Kopie zum Mitnehmen',
  },
  state: {
    RECEIVED: 'Eingegangen', IDENTITY_PENDING: 'Wartet auf Identität', VERIFIED: 'Daten werden gesucht', BLOCKED: 'Braucht eine Entscheidung',
    PLANNED: 'Wartet auf Freigabe', EXECUTING: 'In Arbeit', VERIFYING: 'Wird nachgesehen', CLOSED: 'Abgeschlossen', MERGED: 'Zusammengeführt',
  },
  outcome: {
    FULFILLED: 'Erfüllt', FULFILLED_WITH_RETENTION: 'Erfüllt, ein Teil nach Gesetz aufbewahrt', PARTIALLY_FULFILLED: 'Teilweise erfüllt',
    NO_DATA_HELD: 'Keine Daten vorhanden', REFUSED: 'Abgelehnt', CANCELLED: 'Zurückgezogen', CANCELLED_AFTER_PARTIAL: 'Zurückgezogen, ein Teil war schon getan',
  },
  blocked: {
    TWO_PEOPLE: 'Die Kennungen passen zu mehr als einer Person. Klären Sie, wer den Antrag gestellt hat, und ziehen Sie ihn zurück oder lassen Sie ihn weiterlaufen.',
    COUNT_UNUSUAL: 'Es wurden weit mehr Zeilen gefunden, als eine Person gewöhnlich hat. Sehen Sie sich die Zahlen an: Ist das eine Person?',
    COUNT_UNKNOWN: 'Ein Dienst hat nicht gesagt, wie viel er hat, wo eine Person gewöhnlich wenig hat. Es geht von selbst weiter, sobald gezählt ist, oder wenn jemand nachgesehen hat.',
    DAILY_CEILING: 'Heute gab es mehr Löschungen, als der Verantwortliche sich erlaubt. Jemand sollte nachsehen, warum.',
    RESOLVE_FAILED: 'Ein Dienst, der andere Kennungen der Person kennt, wollte nicht antworten. Lethe macht nie mit weniger Kennungen weiter.',
    RESIDUE: 'Beim Nachsehen fanden sich wieder Daten, nachdem zweimal gelöscht worden war. Finden Sie heraus, was sie zurückschreibt, und beheben Sie es; lassen Sie dann noch einmal löschen, oder schließen Sie den Antrag teilweise ab.',
    TASK_STOPPED: 'Ein Dienst hat sich geweigert oder etwas geantwortet, das nicht zu lesen ist. Sehen Sie unten nach und fragen Sie noch einmal.',
    GAPS: 'Alles, wonach gefragt werden konnte, ist getan, aber jemand konnte nicht gefragt werden. Schließen Sie die Lücke, oder schließen Sie den Antrag teilweise ab.',
  },
  decide: {
    TWO_PEOPLE: 'Sie sagen, dass alle diese Kennungen zu der einen Person gehören, die den Antrag gestellt hat. Was unter jeder gefunden wird, kommt in den Plan.',
    COUNT_UNUSUAL: 'Sie sagen, dass alle diese Zeilen zu der einen Person gehören, die den Antrag gestellt hat. Sie kommen in den Plan.',
    COUNT_UNKNOWN: 'Sie sagen, dass der Plan ohne diese Zahlen gemacht werden darf. Was da ist, wird trotzdem gelöscht.',
    DAILY_CEILING: 'Sie sagen, dass die Zahl der Löschungen von heute eine Erklärung hat und diese richtig ist.',
  },
  waiting: {
    rows: (n, usual) => `${plural(n, 'Zeile', 'Zeilen')}; eine Person hat gewöhnlich höchstens ${usual.toLocaleString('de')}`,
    found: (n) => `${plural(n, 'Zeile', 'Zeilen')} wieder gefunden`,
  },
  alert: { TASK_UNDONE: 'Seit einem Tag oder länger liegengeblieben', UNPLANNED_DATASET: 'Über einen Datensatz geantwortet, nach dem der Plan nicht fragt' },
  refusal: {
    CANNOT_IDENTIFY: 'Wir können nicht feststellen, wer die betroffene Person ist', MANIFESTLY_UNFOUNDED: 'Offenkundig unbegründet', EXCESSIVE: 'Exzessiv, insbesondere häufig wiederholt',
    EXEMPT_17_3: 'Art. 17 Abs. 3 nimmt alles aus', OUTSIDE_SCOPE: 'Kein Recht umfasst es',
  },
  extension: { COMPLEXITY: 'Der Antrag ist komplex', NUMBER_OF_REQUESTS: 'Es sind viele Anträge' },
  pause: { IDENTITY_DOUBT: 'Begründete Zweifel, wer fragt (Art. 12 Abs. 6)', CLARIFICATION: 'Es ist nicht klar, was verlangt wird' },
  identity: {
    ACCOUNT_LOGIN: 'Im eigenen Konto angemeldet', KNOWN_ADDRESS: 'Auf einem zweiten Weg an eine bekannte Adresse', DOCUMENT: 'Durch ein Dokument',
    IN_PERSON: 'Persönlich', REPRESENTATIVE: 'Durch eine nachgewiesene Vertretung',
  },
  channel: { EMAIL: 'Per E-Mail', LETTER: 'Per Brief', PORTAL: 'In unserem Portal', IN_PERSON: 'Persönlich' },
  ground: {
    '17(1)(a)': 'Nicht mehr notwendig', '17(1)(b)': 'Einwilligung widerrufen', '17(1)(c)': 'Widerspruch', '17(1)(d)': 'Unrechtmäßige Verarbeitung',
    '17(1)(e)': 'Ein Gesetz verpflichtet uns zum Löschen', '17(1)(f)': 'Daten eines Kindes, für Online-Dienste',
  },
  due: {
    overdue: (n) => `${days(n)} überfällig`,
    today: 'Heute fällig',
    tomorrow: 'Morgen fällig',
    left: (n) => `noch ${days(n)}`,
    closed: 'Abgeschlossen',
    paused: 'Die Frist ruht',
    by: (date) => `Fällig ${date}`,
  },
};
