import { en, type Text } from '../i18n/en';
import { language } from './language';

/** The words of the portal in the reader's language. What the server says is English in every one. */
export const text: Text = language === 'de' ? (await import('../i18n/de')).de : en;
