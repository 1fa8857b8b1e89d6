import { expect, it } from 'vitest';
import { de } from './de';
import { en } from './en';

/** Every word with its place; functions by what they say of 2, 3 and so on. */
function words(of: unknown, at = ''): [string, string][] {
  if (typeof of === 'string') return [[at, of]];
  if (typeof of === 'function') return [[at, String((of as (...x: unknown[]) => string)(...Array.from({ length: of.length }, (_, i) => String(i + 2))))]];
  return Object.entries(of as object).flatMap(([key, v]) => words(v, `${at}.${key}`));
}

const english = new Map(words(en));
const german = new Map(words(de));

it('has the same places in both', () => {
  expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
});

it('leaves nothing untranslated', () => {
  const alike = [...german].filter(([at, w]) => w === english.get(at)).map(([, w]) => w);
  // Names, commands, signs, and words that are the same in both.
  const fine = ['Lethe', '—', '2', '2: 3', 'Pipeline', 'Plan', 'Live', 'SHA-256', 'R-2026-000123', 'lethe request open --help', 'lethe catalog import catalog.yaml', 'lethe certificate verify FILE --signing-key … --audit-key …'];
  expect(alike.filter((w) => !fine.includes(w))).toEqual([]);
});

it('says how many in words of each', () => {
  expect([1, 2].map(de.due.overdue)).toEqual(['1 Tag überfällig', '2 Tage überfällig']);
  expect(de.plan.approveErase(1, 1)).toBe('1 Zeile wird von 1 Dienst gelöscht. Das ist nicht rückgängig zu machen.');
  expect(de.plan.approveErase(1234, 6)).toBe('1.234 Zeilen werden von 6 Diensten gelöscht. Das ist nicht rückgängig zu machen.');
});
