// Alle Wörter des Portals auf Deutsch. Nichts hier darf laden, was auch die
// Seiten laden: sie warten auf diese Datei.
import type { Text } from '../en';
import { casework } from './case';
import { data } from './data';
import { proof } from './proof';
import { requests } from './requests';
import { shell } from './shell';
import { words } from './words';

export const de: Text = { ...shell, ...words, ...requests, ...casework, ...proof, ...data };
