import { en, type Text } from '../i18n/en';

/** The words of the portal in the reader's language. English is the only one yet. */
export const text: Text = en;
