import { Button } from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import { useEffect } from 'react';
import { text } from '../../lib/text';
import { LanguageButtons } from '../../ui/language';

/** The page of whoever is not signed in. It goes on where they wanted to be. */
export function Gate({ ended }: { ended: boolean }) {
  const here = new URL(window.location.href);
  const code = here.searchParams.get('sign_in');
  here.searchParams.delete('sign_in');
  const to = `/auth/login?return_to=${encodeURIComponent(here.pathname + here.search)}`;
  useEffect(() => {
    document.title = text.app.name;
  }, []);
  return (
    <main className="gate">
      <div className="sheet">
        <img src="/favicon.svg" alt="" />
        <h1>{text.signIn.title}</h1>
        <p className="dim">{text.signIn.lead}</p>
        {code && <p className="errors" role="alert" style={{ marginTop: 14 }}>{text.signIn.codes[code] ?? text.signIn.other}</p>}
        {ended && <p role="status" style={{ marginTop: 14 }}>{text.signIn.ended}</p>}
        <Button component="a" href={to} fullWidth mt={22} size="md" leftSection={<IconLogin2 size={18} />}>{text.signIn.button}</Button>
        <p className="dim small" style={{ marginTop: 14 }}>{text.signIn.why}</p>
        <p style={{ marginTop: 14 }}><LanguageButtons /></p>
      </div>
    </main>
  );
}
