import { expect, it } from 'vitest';
import { placed, type UserError } from './act';

const at = (...path: string[]): UserError => ({ code: 'C', path, message: path.join(' ') });

it('gives each field its own mistake, and keeps what no field shows', () => {
  const errors = [at('input', 'identifiers', '0', 'type'), at('input', 'identifiers', '1', 'value'), at('input', 'clientRequestId'), at()];
  const sorted = placed(errors);
  expect(sorted.at('type')).toBeUndefined(); // not that of an identifier
  expect(sorted.at('identifiers', '0', 'type')).toBe('input identifiers 0 type');
  expect(sorted.at('identifiers', '1', 'value')).toBe('input identifiers 1 value');
  expect(sorted.rest()).toEqual([errors[2], errors[3]]);
});

it('shows both mistakes of a field', () => {
  const sorted = placed([{ ...at('input', 'sentOn'), message: 'One.' }, { ...at('input', 'sentOn'), message: 'Two.' }]);
  expect(sorted.at('sentOn')).toBe('One. Two.');
  expect(sorted.rest()).toEqual([]);
});
