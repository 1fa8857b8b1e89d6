import { Link } from '@tanstack/react-router';
import { text } from '../../lib/text';
import { Empty, Head } from '../../ui/page';

/** For an address that leads nowhere. */
export function Lost() {
  return (
    <>
      <Head title={text.app.notFound} name={text.app.notFound} />
      <div className="sheet">
        <Empty title={text.app.notFound} why={text.app.notFoundWhy}>
          <Link to="/requests">{text.nav.requests}</Link>
        </Empty>
      </div>
    </>
  );
}
