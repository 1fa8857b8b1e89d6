import { text } from '../lib/text';
import { moment } from '../lib/time';
import { nameOf, Scroll } from './page';

/** What is shown of an entry of the audit log. */
export interface Entry {
  id: string;
  at: string;
  act: string;
  code: string;
  leaf?: number | null;
  actor: { name?: string | null };
  amounts: { name: string; value: number }[];
}

/** Entries of the audit log as a table. */
export function Entries({ entries, label }: { entries: Entry[]; label: string }) {
  const t = text.trail;
  return (
    <Scroll label={label}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{t.columns.at}</th>
            <th scope="col">{t.columns.who}</th>
            <th scope="col">{t.columns.act}</th>
            <th scope="col">{t.columns.code}</th>
            <th scope="col" className="num">{t.columns.sealed}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((e) => (
            <tr key={e.id}>
              <td className="nowrap dim" title={e.at}>{moment(e.at)}</td>
              <td>{nameOf(e.actor)}</td>
              <td><code>{e.act}</code>{e.amounts.length > 0 && <span className="sub">{e.amounts.map((a) => `${a.name.replaceAll('_', ' ')} ${a.value.toLocaleString(text.locale)}`).join(', ')}</span>}</td>
              <td>{e.code && <code>{e.code}</code>}</td>
              <td className="num dim">{e.leaf?.toLocaleString(text.locale) ?? t.waits}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
