// Every word of the portal in English. Another language is a folder of the same shape.
import { casework } from './case';
import { data } from './data';
import { proof } from './proof';
import { requests } from './requests';
import { shell } from './shell';
import { words } from './words';

export const en = { ...shell, ...words, ...requests, ...casework, ...proof, ...data };

/** The shape that every language has. */
export type Text = typeof en;
