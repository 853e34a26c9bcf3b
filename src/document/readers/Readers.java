import java.io.FileInputStream;
import java.nio.file.Path;
import org.ofdrw.converter.export.PDFExporterIText;
import org.ofdrw.reader.ContentExtractor;
import org.ofdrw.reader.OFDReader;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** What others read in a document. Readers FILE.pdf: veraPDF's verdict. Readers FILE.ofd OUT.pdf: its text; drawn into a PDF. */
public class Readers {
  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1) judge(arguments[0]);
    else read(Path.of(arguments[0]), Path.of(arguments[1]));
  }

  private static void judge(String pdf) throws Exception {
    VeraGreenfieldFoundryProvider.initialise();
    try (FileInputStream in = new FileInputStream(pdf); PDFAParser parser = Foundries.defaultInstance().createParser(in)) {
      ValidationResult result =
          Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_2_B, false).validate(parser);
      System.out.println("declares " + parser.getFlavour() + ", complies " + result.isCompliant());
      for (TestAssertion each : result.getTestAssertions())
        System.out.println(each.getRuleId() + " " + each.getMessage() + " " + each.getLocation());
    }
  }

  private static void read(Path ofd, Path pdf) throws Exception {
    try (OFDReader reader = new OFDReader(ofd)) {
      System.out.println(reader.getNumberOfPages() + " pages");
      for (String each : new ContentExtractor(reader).extractAll()) System.out.println(each);
    }
    try (PDFExporterIText exporter = new PDFExporterIText(ofd, pdf)) {
      exporter.export();
    }
  }
}
