/** `/` */
import { StartBox } from "~/features/chat/NewChat";
import { HomePage } from "~/features/home/HomePage";

export default function HomeRoute() {
  return <HomePage start={<StartBox autoFocus />} />;
}
