import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaPairCompatibility;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Says what Apache Avro for Java says. It fills in the answers of the tables of testdata, from the questions that
 * stand there:
 *
 * <pre>
 *   schemas/avro/testdata/oracle/run pairs    schemas/avro/testdata/pairs.txt
 *   schemas/avro/testdata/oracle/run texts    schemas/avro/testdata/texts.txt
 *   schemas/avro/testdata/oracle/run decode < questions
 * </pre>
 *
 * A table has blocks of lines "key value"; a line that starts with # is for people. Of a block of pairs.txt, a and b
 * are questions, and "a<b" (a reads what b wrote) and "b<a" are answers. Of a block of texts.txt, in is the question;
 * text, the canonical text, or refused, the reason, is the answer; form is the parsing form.
 */
public class Oracle {
  public static void main(String[] args) throws Exception {
    if (args[0].equals("decode")) {
      decode();
      return;
    }
    Path file = Path.of(args[1]);
    List<String> out = new ArrayList<>();
    String a = "";
    for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
      int blank = line.indexOf(' ');
      String key = blank < 0 || line.startsWith("#") ? "" : line.substring(0, blank);
      String value = line.substring(blank + 1).strip();
      switch (key) {
        case "a" -> {
          a = value;
          out.add(line);
        }
        case "b" -> {
          out.add(line);
          out.add("a<b " + reads(a, value));
          out.add("b<a " + reads(value, a));
        }
        case "in" -> {
          out.add(line);
          text(value, out);
        }
        case "a<b", "b<a", "text", "form", "refused" -> {
        }
        default -> out.add(line);
      }
    }
    Files.writeString(file, String.join("\n", out) + "\n");
  }

  /** The parser for new schemas: names as the specification has them, defaults of the right type. */
  static Schema parse(String text) {
    return new Schema.Parser(NameValidator.STRICT_VALIDATOR).setValidateDefaults(true).parse(text);
  }

  static String reads(String reader, String writer) {
    try {
      SchemaPairCompatibility found = SchemaCompatibility.checkReaderWriterCompatibility(parse(reader), parse(writer));
      TreeSet<String> told = new TreeSet<>();
      for (var i : found.getResult().getIncompatibilities()) {
        told.add(i.getType() + " " + i.getLocation());
      }
      return told.isEmpty() ? "yes" : String.join("; ", told);
    } catch (AvroRuntimeException e) {
      return "THROWS " + e.getMessage();
    }
  }

  static void text(String in, List<String> out) {
    Schema schema;
    try {
      schema = parse(in);
    } catch (RuntimeException e) {
      out.add("refused " + e.getClass().getSimpleName() + ": " + String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
      return;
    }
    out.add("text " + schema);
    out.add("form " + org.apache.avro.SchemaNormalization.toParsingForm(schema));
  }

  /**
   * Reads lines "reader TAB writer TAB data in hexadecimal, with blanks between", and answers each with "yes" if the
   * reader reads all of the data, each to its end; "bare" if it does once the writer's schema has no defaults, which
   * say nothing about data but are checked again when the reader's aliases are applied to it; "unknown" if its parser takes one of the schemas for
   * wrong; or else "no". Each is followed by why.
   */
  static void decode() throws Exception {
    for (String line : new String(System.in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
      String[] part = line.split("\t", -1);
      String answer = decode(part[0], part[1], part[2]);
      if (answer.startsWith("no") && decode(part[0], bare(part[1]), part[2]).equals("yes")) {
        answer = "bare: " + answer;
      }
      System.out.println(answer.replaceAll("\\s+", " "));
    }
  }

  static String decode(String readers, String writers, String data) {
    Schema reader, writer;
    try {
      reader = parse(readers);
      writer = parse(writers);
    } catch (RuntimeException e) {
      return "unknown: " + e;
    }
    try {
      GenericDatumReader<Object> r = new GenericDatumReader<>(writer, reader, new GenericData());
      for (String one : data.split(" ", -1)) {
        BinaryDecoder d = DecoderFactory.get().binaryDecoder(HexFormat.of().parseHex(one), null);
        r.read(null, d);
        if (!d.isEnd()) {
          return "no: bytes are left over";
        }
      }
      return "yes";
    } catch (Exception | StackOverflowError e) {
      return "no: " + e;
    }
  }

  /** The schema without the defaults of its fields. */
  static String bare(String text) throws Exception {
    JsonNode root = new ObjectMapper().readTree(text);
    for (JsonNode fields : root.findValues("fields")) {
      fields.forEach(f -> ((ObjectNode) f).remove("default"));
      fields.findValues("fields").forEach(inner -> inner.forEach(f -> ((ObjectNode) f).remove("default")));
    }
    return root.toString();
  }
}
