import { expect, it } from 'vitest';
import { languageOf } from './language';

it.each([
  [null, ['de-AT', 'en'], 'de'],
  [null, ['fr-FR', 'en-US'], 'en'],
  [null, ['fr', 'it'], 'en'],
  [null, [], 'en'],
  ['en', ['de'], 'en'],
  ['klingon', ['de'], 'de'],
] as const)('chosen %j, preferred %j', (chosen, preferred, want) => {
  expect(languageOf(chosen, preferred)).toBe(want);
});
