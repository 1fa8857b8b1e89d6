import { plural } from './plural';

/** Words of the field: what a request, its states and its reasons are called. */
export const words = {
  type: { ERASURE: 'Erasure', ACCESS: 'Access', PORTABILITY: 'Portability' },
  typeLong: {
    ERASURE: 'Erasure (Art. 17): have it forgotten',
    ACCESS: 'Access (Art. 15): a copy of everything',
    PORTABILITY: 'Portability (Art. 20): a copy to take along',
  },
  state: {
    RECEIVED: 'Received', IDENTITY_PENDING: 'Waiting for identity', VERIFIED: 'Looking for data', BLOCKED: 'Needs a decision',
    PLANNED: 'Waiting for approval', EXECUTING: 'In progress', VERIFYING: 'Looking again', CLOSED: 'Closed', MERGED: 'Merged',
  },
  outcome: {
    FULFILLED: 'Fulfilled', FULFILLED_WITH_RETENTION: 'Fulfilled, part kept by law', PARTIALLY_FULFILLED: 'Partly fulfilled',
    NO_DATA_HELD: 'No data held', REFUSED: 'Refused', CANCELLED: 'Cancelled', CANCELLED_AFTER_PARTIAL: 'Cancelled after a part was done',
  },
  blocked: {
    TWO_PEOPLE: 'The identifiers match more than one person. Find out which one asked, and cancel or let it go on.',
    COUNT_UNUSUAL: 'Far more rows were found than one person usually has. Look at the counts: is this one person?',
    COUNT_UNKNOWN: 'A service did not say how much it holds where one person usually has little. It goes on by itself once it is counted, or when somebody has looked.',
    DAILY_CEILING: 'There were more erasures today than the controller allows itself. Somebody should look why.',
    RESOLVE_FAILED: 'A service that knows other identifiers of the person would not answer. Lethe never goes on with fewer identifiers.',
    RESIDUE: 'A second look found data again after it had been erased twice. Find out what writes it back and mend it; then have it erased again, or close in part.',
    TASK_STOPPED: 'A service refused, or answered what cannot be read. See it below and ask again.',
    GAPS: 'Everything that could be asked is done, but somebody could not be asked. Fill the gap, or close in part.',
  },
  decide: {
    TWO_PEOPLE: 'You say that all these identifiers belong to the one person who asked. What is found under each of them will be in the plan.',
    COUNT_UNUSUAL: 'You say that all these rows belong to the one person who asked. They will be in the plan.',
    COUNT_UNKNOWN: 'You say that the plan may be made without these counts. What is there will be erased all the same.',
    DAILY_CEILING: 'You say that the number of erasures today has an explanation, and that this one is right.',
  } as Record<string, string>,
  waiting: {
    rows: (n: number, usual: number) => `${plural(n, 'row', 'rows')}; one person usually has at most ${usual.toLocaleString('en')}`,
    found: (n: number) => `${plural(n, 'row', 'rows')} found again`,
  },
  alert: { TASK_UNDONE: 'Left undone for a day or more', UNPLANNED_DATASET: 'Answered about a dataset that the plan does not ask about' },
  refusal: {
    CANNOT_IDENTIFY: 'We cannot tell who the data subject is', MANIFESTLY_UNFOUNDED: 'Manifestly unfounded', EXCESSIVE: 'Excessive, in particular repeated',
    EXEMPT_17_3: 'Art. 17(3) exempts all of it', OUTSIDE_SCOPE: 'No right covers it',
  },
  extension: { COMPLEXITY: 'The request is complex', NUMBER_OF_REQUESTS: 'There are many requests' },
  pause: { IDENTITY_DOUBT: 'Reasonable doubt about who asks (Art. 12(6))', CLARIFICATION: 'It is not clear what is asked' },
  identity: {
    ACCOUNT_LOGIN: 'Signed in to their account', KNOWN_ADDRESS: 'By a second channel to an address on file', DOCUMENT: 'By a document',
    IN_PERSON: 'In person', REPRESENTATIVE: 'A representative proved to be one',
  },
  channel: { EMAIL: 'By e-mail', LETTER: 'By letter', PORTAL: 'In our portal', IN_PERSON: 'In person' },
  ground: {
    '17(1)(a)': 'No longer needed', '17(1)(b)': 'Consent withdrawn', '17(1)(c)': 'Objection', '17(1)(d)': 'Unlawful processing',
    '17(1)(e)': 'A law obliges us to erase', '17(1)(f)': 'A child’s data, for online services',
  } as Record<string, string>,
  due: {
    overdue: (n: number) => `${plural(n, 'day', 'days')} overdue`,
    today: 'Due today',
    tomorrow: 'Due tomorrow',
    left: (n: number) => `${plural(n, 'day', 'days')} left`,
    closed: 'Closed',
    paused: 'Clock stands still',
    by: (date: string) => `Due ${date}`,
  },
};
